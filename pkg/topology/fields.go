package topology

import (
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Field is one property of an object. Value is in normal form (see Normalise). A Secret value is
// compared by a rule of its own and never shown.
type Field struct {
	// Name is the field as the topology file calls it: messageTTL, deadLetter.exchange,
	// arguments.x-foo, definition.max-length.
	Name  string
	Value any
	// Unit tells a view how to show the value.
	Unit capability.Unit
	// Immutable says that the broker cannot change it on an existing object.
	Immutable bool
}

// Fields lists what the file names of the vhost; of a live one, everything.
func (v *VHost) Fields() []Field {
	var fields []Field
	if v.Declared.Description || v.Description != "" {
		fields = append(fields, Field{Name: "description", Value: v.Description})
	}
	if v.Declared.Tags || len(v.Tags) > 0 {
		fields = append(fields, Field{Name: "tags", Value: set(v.Tags)})
	}
	if v.Declared.DefaultQueueType || v.DefaultQueueType != "" {
		fields = append(fields, Field{Name: "defaultQueueType", Value: v.DefaultQueueType})
	}
	if v.Declared.ProtectedFromDeletion || v.ProtectedFromDeletion {
		fields = append(fields, Field{Name: "protectedFromDeletion", Value: v.ProtectedFromDeletion})
	}
	return fields
}

// Fields lists the tags, and the password or its hash as a Secret.
func (u *User) Fields() []Field {
	fields := []Field{{Name: "tags", Value: set(u.Tags)}}
	switch {
	case u.Password != "":
		fields = append(fields, Field{Name: "password", Value: u.Password})
	case u.PasswordHash != "":
		fields = append(fields, Field{Name: "passwordHash", Value: u.PasswordHash})
		if u.HashingAlgorithm != "" {
			fields = append(fields, Field{Name: "hashingAlgorithm", Value: u.HashingAlgorithm})
		}
	}
	return fields
}

// Fields lists the value.
func (l *UserLimit) Fields() []Field { return []Field{{Name: "value", Value: l.Value}} }

// Fields lists the value.
func (l *VHostLimit) Fields() []Field { return []Field{{Name: "value", Value: l.Value}} }

// Fields lists the three expressions.
func (p *Permission) Fields() []Field {
	return []Field{{Name: "configure", Value: p.Configure}, {Name: "write", Value: p.Write}, {Name: "read", Value: p.Read}}
}

// Fields lists the two expressions.
func (p *TopicPermission) Fields() []Field {
	return []Field{{Name: "write", Value: p.Write}, {Name: "read", Value: p.Read}}
}

// Fields lists the value, member by member where it is a table; credentials in it are secret.
func (p *GlobalParameter) Fields() []Field { return valueFields(p.Value) }

// Fields lists the value, member by member where it is a table; credentials in it are secret.
func (p *Parameter) Fields() []Field { return valueFields(p.Value) }

// Fields lists pattern, applyTo, priority and each setting as definition.<key>.
func (p *Policy) Fields() []Field {
	fields := []Field{{Name: "pattern", Value: p.Pattern}, {Name: "applyTo", Value: p.ApplyTo},
		{Name: "priority", Value: p.Priority}}
	for _, k := range p.Definition.Keys() {
		key, _ := capability.LookupPolicyKey(k)
		fields = append(fields, Field{Name: "definition." + k, Value: wrapURIs(p.Definition[k]), Unit: key.Unit})
	}
	return fields
}

// Fields lists type, properties and arguments. A broker changes none of them on an existing
// exchange.
func (x *Exchange) Fields() []Field {
	fields := []Field{
		{Name: "type", Value: x.Type, Immutable: true}, {Name: "durable", Value: x.Durable, Immutable: true},
		{Name: "autoDelete", Value: x.AutoDelete, Immutable: true}, {Name: "internal", Value: x.Internal, Immutable: true},
	}
	for _, k := range x.Arguments.Keys() {
		name := "arguments." + k
		if k == "alternate-exchange" {
			name = "alternateExchange"
		}
		fields = append(fields, Field{Name: name, Value: wrapURIs(x.Arguments[k]), Immutable: true})
	}
	return fields
}

// Fields lists type, properties and arguments under their names in the file, in the order of
// QueueArguments, then any other. A broker changes none of them on an existing queue.
func (q *Queue) Fields() []Field {
	fields := []Field{
		{Name: "type", Value: q.Type, Immutable: true}, {Name: "durable", Value: q.Durable, Immutable: true},
		{Name: "autoDelete", Value: q.AutoDelete, Immutable: true},
	}
	if q.Exclusive {
		fields = append(fields, Field{Name: "exclusive", Value: true, Immutable: true})
	}
	if len(q.Arguments) == 0 {
		return fields
	}
	for _, a := range capability.QueueArguments() {
		if v, ok := q.Arguments[a.Name]; ok {
			fields = append(fields, Field{Name: a.Field, Value: v, Unit: a.Unit, Immutable: true})
		}
	}
	for _, k := range q.Arguments.Keys() {
		if _, known := capability.LookupArgument(k); !known {
			fields = append(fields, Field{Name: "arguments." + k, Value: wrapURIs(q.Arguments[k]), Immutable: true})
		}
	}
	return fields
}

// Fields is empty: whatever differs between two bindings makes them two bindings.
func (b *Binding) Fields() []Field { return nil }

// set returns the texts as an ordered list without repetitions, in normal form.
func set(texts []string) []any {
	sorted := slices.Compact(slices.Sorted(slices.Values(texts)))
	list := make([]any, len(sorted))
	for i, t := range sorted {
		list[i] = t
	}
	return list
}

func valueFields(v any) []Field {
	m, ok := v.(map[string]any)
	if !ok {
		return []Field{{Name: "value", Value: wrapSecrets("", v)}}
	}
	fields := make([]Field, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fields = append(fields, Field{Name: "value." + k, Value: wrapSecrets(k, m[k])})
	}
	return fields
}

// wrapURIs is wrapSecrets for arguments and definitions, whose names say "key" and mean no secret.
func wrapURIs(v any) any { return wrapSecrets("", v) }

// wrapSecrets wraps what may hold a credential, so that it can be compared and not printed. That is
// text under a name that says secret, and URIs with a password (those of shovels and federation
// upstreams).
func wrapSecrets(name string, v any) any {
	switch x := v.(type) {
	case string:
		if redact.Says(name) {
			return Secret(x)
		}
		if strings.Contains(x, "://") {
			return SecretURI(x)
		}
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = wrapSecrets(name, e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = wrapSecrets(k, e)
		}
		return m
	}
	return v
}
