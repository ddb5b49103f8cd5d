package management

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

func (r *reading) server(ctx context.Context) error {
	var o struct {
		Version       string `json:"rabbitmq_version"`
		Cluster       string `json:"cluster_name"`
		QueueType     string `json:"default_queue_type"`
		ExchangeTypes []struct {
			Name string `json:"name"`
		} `json:"exchange_types"`
	}
	if err := r.api.get(ctx, "overview?disable_stats=true&columns=rabbitmq_version,cluster_name,default_queue_type,exchange_types.name", &o); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.live.Server
	s.Version, s.ClusterName, s.DefaultQueueType = o.Version, o.Cluster, undefined(o.QueueType)
	for _, x := range o.ExchangeTypes {
		s.ExchangeTypes = append(s.ExchangeTypes, x.Name)
	}
	slices.Sort(s.ExchangeTypes)
	return nil
}

// nodes lists the nodes that run. Where it cannot, they stay unknown: the tag monitoring is needed
// for them, and for nothing else here.
func (r *reading) nodes(ctx context.Context) {
	var nodes []struct {
		Name    string `json:"name"`
		Running bool   `json:"running"`
	}
	if r.api.get(ctx, "nodes?disable_stats=true&columns=name,running", &nodes) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range nodes {
		if n.Running {
			r.live.Server.Nodes = append(r.live.Server.Nodes, n.Name)
		}
	}
	slices.Sort(r.live.Server.Nodes)
}

func (r *reading) whoami(ctx context.Context) error {
	var who struct {
		Name string `json:"name"`
		Tags tags   `json:"tags"`
	}
	if err := r.api.get(ctx, "whoami", &who); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.Server.User, r.live.Server.Tags = who.Name, who.Tags
	return nil
}

type vhostJSON struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Tags        tags   `json:"tags"`
	QueueType   string `json:"default_queue_type"`
	Protected   bool   `json:"protected_from_deletion"`
	Metadata    struct {
		QueueType string `json:"default_queue_type"`
	} `json:"metadata"`
}

// vhosts lists every vhost that the user may see. GET of a single one needs an administrator.
func (r *reading) vhosts(ctx context.Context) error {
	return read(ctx, r, "vhosts?disable_stats=true&columns=name,description,tags,default_queue_type,"+
		"protected_from_deletion,metadata",
		func(v *vhostJSON) topology.Object {
			return v.vhost()
		})
}

func (v *vhostJSON) vhost() *topology.VHost {
	o := &topology.VHost{Name: v.Name, Description: v.Description, Tags: v.Tags, DefaultQueueType: undefined(v.QueueType),
		ProtectedFromDeletion: v.Protected}
	if o.DefaultQueueType == "" {
		o.DefaultQueueType = undefined(v.Metadata.QueueType)
	}
	return o
}

// undefined returns s, or "" for what older brokers show for a vhost without a default queue type
// (fact no-default-queue-type).
func undefined(s string) string {
	if s == "undefined" {
		return ""
	}
	return s
}

type userJSON struct {
	Name      string `json:"name"`
	Hash      string `json:"password_hash"`
	Algorithm string `json:"hashing_algorithm"`
	Tags      tags   `json:"tags"`
}

func (r *reading) users(ctx context.Context) error {
	return read(ctx, r, "users", func(u *userJSON) topology.Object {
		return &topology.User{Name: u.Name, Tags: u.Tags, PasswordHash: topology.Secret(u.Hash),
			HashingAlgorithm: u.Algorithm}
	})
}

func (r *reading) userLimits(ctx context.Context) error {
	return list(ctx, r.api, "user-limits", func(l *limitsJSON) error {
		for name, value := range l.Value {
			if err := r.add(&topology.UserLimit{User: l.User, Name: name, Value: value}); err != nil {
				return err
			}
		}
		return nil
	})
}

type permissionJSON struct {
	User      string `json:"user"`
	VHost     string `json:"vhost"`
	Exchange  string `json:"exchange"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

func (r *reading) permissions(ctx context.Context) error {
	return read(ctx, r, "permissions", func(p *permissionJSON) topology.Object {
		r.hasAccess(p.User, p.VHost)
		if !slices.Contains(r.scope.VHosts, p.VHost) {
			return nil
		}
		return &topology.Permission{VHost: p.VHost, User: p.User, Configure: p.Configure, Write: p.Write, Read: p.Read}
	})
}

// hasAccess notes that a user has permissions in a vhost.
func (r *reading) hasAccess(user, vhost string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.live.Access[user], vhost) {
		r.live.Access[user] = append(r.live.Access[user], vhost)
	}
}

func (r *reading) topicPermissions(ctx context.Context) error {
	return read(ctx, r, "topic-permissions", func(p *permissionJSON) topology.Object {
		r.hasAccess(p.User, p.VHost)
		if !slices.Contains(r.scope.VHosts, p.VHost) {
			return nil
		}
		return &topology.TopicPermission{VHost: p.VHost, User: p.User, Exchange: p.Exchange, Write: p.Write, Read: p.Read}
	})
}

type parameterJSON struct {
	VHost     string `json:"vhost"`
	Component string `json:"component"`
	Name      string `json:"name"`
	Value     any    `json:"value"`
}

// parameters are listed for all vhosts at once: the API lists them per component or altogether
// only.
func (r *reading) parameters(ctx context.Context) error {
	return read(ctx, r, "parameters", func(p *parameterJSON) topology.Object {
		if !slices.Contains(r.scope.VHosts, p.VHost) || ownKind(p.Component) {
			return nil
		}
		return &topology.Parameter{VHost: p.VHost, Component: p.Component, Name: p.Name, Value: amqptable.Normalise(p.Value)}
	})
}

// ownKind: policies and limits are runtime parameters too, and have endpoints of their own.
func ownKind(component string) bool {
	switch component {
	case "policy", "operator_policy", "vhost-limits":
		return true
	}
	return false
}

type globalJSON struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// globalParameters reads the cluster's parameters, and takes records of ownership out of them.
func (r *reading) globalParameters(ctx context.Context) error {
	err := read(ctx, r, "global-parameters", func(p *globalJSON) topology.Object {
		if name, ok := topology.OwnershipName(p.Name); ok {
			r.ownership(name, p.Value)
			return nil
		}
		var value any
		if decoder(strings.NewReader(string(p.Value))).Decode(&value) != nil {
			return nil
		}
		return &topology.GlobalParameter{Name: p.Name, Value: amqptable.Normalise(value)}
	})
	return r.optional(topology.KindGlobalParameter, "policymaker", err)
}

// tags is a list of tags, which old brokers write as text with commas.
type tags []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *tags) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err == nil {
		*t = list
		return nil
	}
	var joined string
	if err := json.Unmarshal(text, &joined); err != nil {
		return nil //nolint:nilerr // a value of another type says nothing
	}
	for _, tag := range strings.Split(joined, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			*t = append(*t, tag)
		}
	}
	return nil
}
