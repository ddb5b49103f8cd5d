package broker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Replace deletes an empty queue and declares another of its name at once: see declare.Replace. gap
// is the longest time that the name can have been missing.
func (c *Client) Replace(ctx context.Context, old, want *topology.Queue) (gap time.Duration, err error) {
	gap, err = declare.Replace(ctx, c.amqp, old, want)
	return gap, c.explain(ctx, c.on("replace", want), err)
}

// FindQueue reads one queue. It is nil if there is none.
func (c *Client) FindQueue(ctx context.Context, vhost, name string) (*topology.Queue, error) {
	if c.api == nil {
		return nil, withoutAPI("read a queue", "that takes the management API")
	}
	return c.api.FindQueue(ctx, vhost, name)
}

// BindingsTo reads the bindings of one queue or exchange: see management.Client.BindingsTo.
func (c *Client) BindingsTo(ctx context.Context, to topology.Ref) ([]*topology.Binding, error) {
	if c.api == nil {
		return nil, withoutAPI("read bindings", "that takes the management API")
	}
	return c.api.BindingsTo(ctx, to)
}

// GlobalParameters reads the values of all global parameters by name. It takes the tag policymaker.
func (c *Client) GlobalParameters(ctx context.Context) (map[string]json.RawMessage, error) {
	if c.api == nil {
		return nil, withoutAPI("read the global parameters", "that takes the management API")
	}
	return c.api.GlobalParameters(ctx)
}

// Published returns how many messages a queue got so far by the broker's statistics, which are late
// (fact statistics-are-late). It is -1 if they do not say.
func (c *Client) Published(ctx context.Context, vhost, queue string) (int64, error) {
	if c.api == nil {
		return -1, nil
	}
	return c.api.Published(ctx, vhost, queue)
}

// PublishedRate returns how many messages a second are published to a queue: see
// management.Client.PublishedRate.
func (c *Client) PublishedRate(ctx context.Context, vhost, queue string) (float64, error) {
	if c.api == nil {
		return 0, nil
	}
	return c.api.PublishedRate(ctx, vhost, queue)
}
