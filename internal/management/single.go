package management

import (
	"context"
	"encoding/json"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// FindQueue reads one queue. It is nil if there is none.
func (c *Client) FindQueue(ctx context.Context, vhost, name string) (*topology.Queue, error) {
	if err := addressable(vhost, name); err != nil {
		return nil, c.Explain(ctx, c.onQueue("read", vhost, name), err)
	}
	var q queueJSON
	columns := "?disable_stats=true&columns=name,type,durable,auto_delete,exclusive,arguments"
	err := c.get(ctx, path("queues", vhost, name)+columns, &q)
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.Explain(ctx, c.onQueue("read", vhost, name), err)
	}
	return q.queue(vhost), nil
}

// BindingsTo reads the bindings of one queue or exchange, without that of the default exchange. A
// binding here has exactly one key in PropertiesKeys: those that differ in the types of their
// arguments only are several.
func (c *Client) BindingsTo(ctx context.Context, to topology.Ref) (found []*topology.Binding, err error) {
	p := path("queues", to.VHost, to.Name, "bindings")
	kind := topology.ToQueue
	if to.Kind == topology.KindExchange {
		p, kind = path("exchanges", to.VHost, to.Name, "bindings", "destination"), topology.ToExchange
	}
	err = addressable(to.VHost, to.Name)
	if err == nil {
		err = list(ctx, c, p, func(b *bindingJSON) error {
			if b.Source != "" {
				found = append(found, &topology.Binding{VHost: to.VHost, Source: b.Source, Destination: b.Destination,
					DestinationType: kind, RoutingKey: b.RoutingKey, PropertiesKeys: []string{b.PropertiesKey},
					Arguments: amqptable.NormaliseTable(voids(b.Arguments))})
			}
			return nil
		})
	}
	if IsNotFound(err) {
		return nil, nil
	}
	return found, c.Explain(ctx, refusal.Operation{Op: "read the bindings of " + to.String(), User: c.opts.User}, err)
}

// GlobalParameters reads the values of all global parameters by name. It takes the tag policymaker.
func (c *Client) GlobalParameters(ctx context.Context) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	err := list(ctx, c, "global-parameters", func(p *globalJSON) error {
		values[p.Name] = p.Value
		return nil
	})
	return values, c.during(ctx, "read the global parameters", err)
}

// Published returns how many messages a queue got so far by the broker's statistics, which are late
// (fact statistics-are-late). It is -1 if they do not say.
func (c *Client) Published(ctx context.Context, vhost, queue string) (int64, error) {
	var answer json.RawMessage // of a queue without statistics it is an empty array
	if err := c.get(ctx, path("queues", vhost, queue)+"?columns=message_stats.publish", &answer); err != nil {
		return -1, c.Explain(ctx, c.onQueue("read the statistics of", vhost, queue), err)
	}
	var q struct {
		Stats struct {
			Publish *int64 `json:"publish"`
		} `json:"message_stats"`
	}
	_ = decode(answer, &q)
	if q.Stats.Publish == nil {
		return -1, nil
	}
	return *q.Stats.Publish, nil
}

// PublishedRate returns how many messages a second are published to a queue, some seconds late, and 0
// if the broker keeps no statistics of it.
func (c *Client) PublishedRate(ctx context.Context, vhost, queue string) (float64, error) {
	var answer json.RawMessage // of a queue without statistics it is an empty array
	if err := c.get(ctx, path("queues", vhost, queue)+"?columns=message_stats.publish_details.rate", &answer); err != nil {
		return 0, c.Explain(ctx, c.onQueue("read the statistics of", vhost, queue), err)
	}
	var q struct {
		Stats struct {
			Publish struct {
				Rate float64
			} `json:"publish_details"`
		} `json:"message_stats"`
	}
	_ = decode(answer, &q) // without statistics it is 0
	return q.Stats.Publish.Rate, nil
}
