package management

import (
	"context"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

type exchangeJSON struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Internal   bool           `json:"internal"`
	Arguments  map[string]any `json:"arguments"`
}

func (r *reading) exchanges(ctx context.Context, vhost string) error {
	p := path("exchanges", vhost) + "?disable_stats=true&columns=name,type,durable,auto_delete,internal,arguments"
	return read(ctx, r, p, func(x *exchangeJSON) topology.Object {
		return &topology.Exchange{
			VHost: vhost, Name: x.Name, Type: x.Type, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
			Arguments: amqptable.NormaliseTable(voids(x.Arguments)),
		}
	})
}

type queueJSON struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Exclusive  *bool          `json:"exclusive"` // null for quorum queues and streams
	Arguments  map[string]any `json:"arguments"`
	Messages   *int64         `json:"messages"` // absent for streams, and for a queue that has crashed
}

func queueName(q *queueJSON) string { return q.Name }

func (r *reading) queues(ctx context.Context, vhost string) error {
	var objects []topology.Object
	var locks []topology.Ref
	status := map[topology.Ref]topology.QueueStatus{}
	columns := "name,type,durable,auto_delete,exclusive,arguments,messages"
	err := listQueues(ctx, r.api, vhost, columns, queueName, func(q *queueJSON) error {
		if topology.IsLock(q.Name) && q.Exclusive != nil && *q.Exclusive {
			locks = append(locks, topology.QueueRef(vhost, q.Name))
			return nil
		}
		o := q.queue(vhost)
		objects = append(objects, o)
		if q.Messages != nil {
			status[o.Ref()] = topology.QueueStatus{Messages: *q.Messages, Known: true}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	for ref, s := range status {
		r.live.Status[ref] = s
	}
	for _, ref := range locks {
		r.live.Locks[ref] = true
	}
	r.mu.Unlock()
	return r.addAll(objects)
}

func (q *queueJSON) queue(vhost string) *topology.Queue {
	o := &topology.Queue{
		VHost: vhost, Name: q.Name, Type: q.Type, Durable: q.Durable, AutoDelete: q.AutoDelete,
		Exclusive:    q.Exclusive != nil && *q.Exclusive,
		TypeDeclared: true,
	}
	kind, _ := q.Arguments["x-queue-type"].(string)
	if o.Type == "" {
		o.Type = kind
	}
	if o.Type == "" {
		o.Type = topology.Classic
	}
	delete(q.Arguments, "x-queue-type")
	o.Arguments = amqptable.NormaliseTable(voids(q.Arguments))
	return o
}

type bindingJSON struct {
	Source          string                   `json:"source"`
	Destination     string                   `json:"destination"`
	DestinationType topology.DestinationType `json:"destination_type"`
	RoutingKey      string                   `json:"routing_key"`
	Arguments       map[string]any           `json:"arguments"`
	PropertiesKey   string                   `json:"properties_key"`
}

// bindings merges those that differ in the AMQP types of their arguments only, which JSON does not
// show.
func (r *reading) bindings(ctx context.Context, vhost string) error {
	var objects []topology.Object
	seen := map[topology.Ref]*topology.Binding{}
	p := path("bindings", vhost) + "?columns=source,destination,destination_type,routing_key,arguments,properties_key"
	err := list(ctx, r.api, p, func(b *bindingJSON) error {
		if b.Source == "" {
			return nil // every queue's binding to the default exchange
		}
		o := &topology.Binding{
			VHost: vhost, Source: b.Source, Destination: b.Destination, DestinationType: b.DestinationType,
			RoutingKey: b.RoutingKey,
			Arguments:  amqptable.NormaliseTable(voids(b.Arguments)), PropertiesKeys: []string{b.PropertiesKey},
		}
		if len(b.Arguments) > 0 {
			if twin := seen[o.Ref()]; twin != nil {
				twin.PropertiesKeys = append(twin.PropertiesKeys, b.PropertiesKey)
				return nil
			}
			seen[o.Ref()] = o
		}
		objects = append(objects, o)
		return nil
	})
	if err != nil {
		return err
	}
	return r.addAll(objects)
}

// voids restores what has no value, at any depth (fact void-as-undefined): a header match that
// wants a header to be present, for one. The text "undefined" is taken for it, too.
func voids(args map[string]any) map[string]any {
	for k, v := range args {
		args[k] = void(v)
	}
	return args
}

func void(v any) any {
	switch v := v.(type) {
	case string:
		if v == "undefined" {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = void(v[i])
		}
	case map[string]any:
		return voids(v)
	}
	return v
}

type policyJSON struct {
	Name       string         `json:"name"`
	Pattern    string         `json:"pattern"`
	ApplyTo    string         `json:"apply-to"`
	Priority   int64          `json:"priority"`
	Definition map[string]any `json:"definition"`
}

func (r *reading) policies(operator bool) func(context.Context, string) error {
	kind := "policies"
	if operator {
		kind = "operator-policies"
	}
	return func(ctx context.Context, vhost string) error {
		return read(ctx, r, path(kind, vhost), func(p *policyJSON) topology.Object {
			return &topology.Policy{
				Operator: operator, VHost: vhost, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: p.Priority,
				Definition: amqptable.NormaliseTable(p.Definition),
			}
		})
	}
}

type limitsJSON struct {
	User  string           `json:"user"`
	Value map[string]int64 `json:"value"`
}

func (r *reading) vhostLimits(ctx context.Context, vhost string) error {
	return list(ctx, r.api, path("vhost-limits", vhost), func(l *limitsJSON) error {
		for name, value := range l.Value {
			if err := r.add(&topology.VHostLimit{VHost: vhost, Name: name, Value: value}); err != nil {
				return err
			}
		}
		return nil
	})
}
