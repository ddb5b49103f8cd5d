package rabbit

import (
	"context"
	"fmt"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Create makes an object; it succeeds when an equal one exists. Exchanges, queues and bindings go
// over AMQP where it was reachable at the first attempt, else over the management API.
func (c *Client) Create(ctx context.Context, want topology.Object) error {
	e := c.explainer("declare", want)
	if err := c.refuse(want); err != nil {
		return e.explain(ctx, err)
	}
	switch o := want.(type) {
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		s, err := c.overAMQP(ctx, want.Ref().VHost)
		if err != nil {
			return e.explain(ctx, err)
		}
		if s != nil {
			return e.explain(ctx, s.do(ctx, declaration(want)))
		}
		return e.explain(ctx, c.despiteStumbles(ctx, want.Ref().VHost, func() error { return c.declareHTTP(ctx, want) }))
	default:
		return e.explain(ctx, c.put(ctx, o))
	}
}

// Update changes an object in place: everything but exchanges, queues and bindings, which no broker
// changes.
func (c *Client) Update(ctx context.Context, _, want topology.Object) error {
	e := c.explainer("update", want)
	switch want.(type) {
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		return &Error{Op: e.op, Text: "RabbitMQ cannot change it in place"}
	}
	return e.explain(ctx, c.put(ctx, want))
}

func (c *Client) explainer(verb string, o topology.Object) explainer {
	e := explainer{object: o, user: c.opts.User, api: c.api}
	if o != nil {
		e.op = verb + " " + o.Ref().String()
	}
	return e
}

// refuse catches what neither protocol can carry, which the client libraries word badly or do not
// notice.
func (c *Client) refuse(o topology.Object) error {
	ref := o.Ref()
	for _, name := range []string{ref.VHost, ref.Name, ref.Parent, ref.Key} {
		if len(name) > 255 {
			return &Error{Text: fmt.Sprintf("names and routing keys have at most 255 bytes, and %.20q… has %d", name, len(name))}
		}
	}
	if ref.Kind == topology.KindExchange && ref.Name == "" || ref.Kind == topology.KindBinding && ref.Parent == "" {
		return &Error{Text: defaultExchange, Kind: topology.ErrNotPermitted}
	}
	return nil
}
