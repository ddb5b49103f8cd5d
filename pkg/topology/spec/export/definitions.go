package export

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// record is one JSON object of a definitions file.
type record map[string]any

// WriteDefinitions writes a state as a definitions file: what POST /api/definitions and rabbitmqctl
// import_definitions take (fact definitions-import), and Load reads back to an equal state. Left
// out is what WriteYAML leaves out. A user's password is written as a hash, never plain.
// Credentials inside of parameters are written as they are: the format knows no variables.
// Arguments with a null in them (a header that must only be there) are an error: AMQP has them, the
// broker's import refuses them.
func WriteDefinitions(w io.Writer, s *topology.State, o Options) error {
	inv := takeInventory(s, o)
	if err := withoutNulls(s); err != nil {
		return fmt.Errorf("write definitions: %w", err)
	}
	file := map[string][]record{
		"users": inv.userRecords(), "vhosts": {}, "permissions": {}, "topic_permissions": {}, "parameters": {},
		"global_parameters": {},
		"policies":          {}, "queues": {}, "exchanges": {}, "bindings": {},
	}
	for _, g := range inv.globals {
		file["global_parameters"] = append(file["global_parameters"],
			record{"name": g.Name, "value": exact(o.shown(g.Name, g.Value))})
	}
	for _, name := range slices.Sorted(maps.Keys(inv.vhosts)) {
		inv.vhosts[name].records(file, o)
	}
	if err := jsonline.EncodeIndent(w, file, "", "  "); err != nil {
		return fmt.Errorf("write definitions: %w", err)
	}
	return nil
}

func withoutNulls(s *topology.State) error {
	for _, o := range s.Objects() {
		var args topology.Arguments
		switch x := o.(type) {
		case *topology.Exchange:
			args = x.Arguments
		case *topology.Queue:
			args = x.Arguments
		case *topology.Binding:
			args = x.Arguments
		}
		if hasNull(map[string]any(args)) {
			return fmt.Errorf("%s: a null in arguments cannot be imported by a broker; use the topology format", o.Ref().Full())
		}
	}
	return nil
}

func hasNull(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(x, hasNull)
	case map[string]any:
		for _, e := range x {
			if hasNull(e) {
				return true
			}
		}
	}
	return false
}

// exact keeps 1000.0 apart from 1000, which encoding/json does not.
func exact(v any) json.RawMessage { return json.RawMessage(amqptable.Canonical(v)) }

func table(a topology.Arguments) json.RawMessage {
	if len(a) == 0 {
		return json.RawMessage("{}")
	}
	return json.RawMessage(a.Canonical())
}

func (inv *inventory) userRecords() []record {
	list := []record{}
	for _, u := range inv.users {
		limits := map[string]int64{}
		for _, l := range inv.limits {
			if l.User == u.Name {
				limits[l.Name] = l.Value
			}
		}
		hash, algorithm := string(u.PasswordHash), u.HashingAlgorithm
		if hash == "" && u.Password != "" {
			hash, algorithm = hashPassword(u.Name, string(u.Password)), topology.HashingPrefix+"sha256"
		}
		if inv.options.Mask && hash != "" {
			hash = topology.Redacted
		}
		r := record{"name": u.Name, "tags": append([]string{}, u.Tags...), "limits": limits, "password_hash": hash}
		if algorithm != "" {
			r["hashing_algorithm"] = algorithm
		}
		list = append(list, r)
	}
	return list
}

// hashPassword is base64(salt + sha256(salt + password)), with a salt that depends on user and
// password only, so that the same state always makes the same text.
func hashPassword(user, password string) string {
	seed := sha256.Sum256([]byte("msgctl\x00" + user + "\x00" + password))
	salt := seed[:4]
	digest := sha256.Sum256(append(slices.Clone(salt), password...))
	return base64.StdEncoding.EncodeToString(append(slices.Clone(salt), digest[:]...))
}

// records adds the objects of one vhost to the lists of the file.
func (v *vhostInventory) records(file map[string][]record, o Options) {
	add := func(list string, r record) { file[list] = append(file[list], r) }
	if v.declared != nil {
		add("vhosts", vhostRecord(v.declared))
	}
	for _, p := range v.permissions {
		add("permissions", record{"vhost": v.name, "user": p.User, "configure": p.Configure, "write": p.Write,
			"read": p.Read})
	}
	for _, p := range v.topics {
		add("topic_permissions", record{"vhost": v.name, "user": p.User, "exchange": p.Exchange, "write": p.Write,
			"read": p.Read})
	}
	for _, p := range v.parameters {
		add("parameters", record{"vhost": v.name, "component": p.Component, "name": p.Name,
			"value": exact(o.shown("", p.Value))})
	}
	limits := map[string]int64{}
	for _, l := range v.limits {
		limits[l.Name] = l.Value
	}
	if len(limits) > 0 {
		add("parameters", record{"vhost": v.name, "component": "vhost-limits", "name": "limits", "value": limits})
	}
	for _, p := range v.policies {
		r := record{"pattern": p.Pattern, "apply-to": p.ApplyTo, "priority": p.Priority,
			"definition": table(o.arguments(p.Definition))}
		if p.Operator {
			add("parameters", record{"vhost": v.name, "component": "operator_policy", "name": p.Name, "value": r})
			continue
		}
		r["vhost"], r["name"] = v.name, p.Name
		add("policies", r)
	}
	v.objectRecords(o, add)
}

func (v *vhostInventory) objectRecords(o Options, add func(list string, r record)) {
	for _, x := range v.exchanges {
		add("exchanges", record{"vhost": v.name, "name": x.Name, "type": x.Type, "durable": x.Durable,
			"auto_delete": x.AutoDelete,
			"internal":    x.Internal, "arguments": table(o.arguments(x.Arguments))})
	}
	for _, q := range v.queues {
		args := q.Arguments.Clone()
		if q.TypeDeclared {
			args["x-queue-type"] = q.Type
		}
		add("queues", record{"vhost": v.name, "name": q.Name, "durable": q.Durable, "auto_delete": q.AutoDelete,
			"arguments": table(o.arguments(args))})
	}
	for _, b := range v.bindings {
		add("bindings", record{"vhost": v.name, "source": b.Source, "destination": b.Destination,
			"destination_type": b.DestinationType,
			"routing_key":      b.RoutingKey, "arguments": table(o.arguments(b.Arguments))})
	}
}

// vhostRecord writes the properties at the top, where older brokers read them, and as metadata,
// where newer ones do.
func vhostRecord(v *topology.VHost) record {
	properties := record{}
	if v.Declared.Description || v.Description != "" {
		properties["description"] = v.Description
	}
	if v.Declared.Tags || len(v.Tags) > 0 {
		properties["tags"] = append([]string{}, v.Tags...)
	}
	if v.DefaultQueueType != "" {
		properties["default_queue_type"] = v.DefaultQueueType
	}
	if v.ProtectedFromDeletion {
		properties["protected_from_deletion"] = true
	}
	r := record{"name": v.Name}
	if len(properties) > 0 {
		maps.Copy(r, properties)
		r["metadata"] = properties
	}
	return r
}
