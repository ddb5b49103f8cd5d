package broker

import (
	"context"
	"fmt"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Create creates an object; it succeeds if an equal one exists. Exchanges, queues and bindings are
// declared over AMQP if it was reachable at the first attempt, else over the management API. Where
// a limit is reached, locks are given up and it is tried again: a lock takes the place of a
// queue and of a connection.
func (c *Client) Create(ctx context.Context, want topology.Object) error {
	return c.yieldingLocks(ctx, func() error { return c.create(ctx, want) })
}

func (c *Client) create(ctx context.Context, want topology.Object) error {
	o := c.on("declare", want)
	if err := c.refuse(want); err != nil {
		return c.explain(ctx, o, err)
	}
	switch want.(type) {
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		if c.declaredInTurn(ctx, want) {
			return nil
		}
		conn, err := c.overAMQP(ctx, want.Ref().VHost)
		if err != nil {
			return c.explain(ctx, o, err)
		}
		if conn != nil {
			return c.explain(ctx, o, declare.Object(ctx, conn, want))
		}
		return c.explain(ctx, o, c.api.Declare(ctx, want))
	default:
		return c.explain(ctx, o, c.put(ctx, want))
	}
}

// declaredInTurn declares a queue that plan.Spread counts on the next node of a cluster. The broker
// would put the leader where the connection ends, and so all leaders of one apply on one node (fact
// leader-is-local). It returns false where there is nothing to choose, and when that node did not
// do it: then the queue is declared as all others are.
func (c *Client) declaredInTurn(ctx context.Context, want topology.Object) bool {
	q, ok := want.(*topology.Queue)
	if !ok || c.api == nil || !plan.Spreads(q) {
		return false
	}
	c.mu.Lock()
	nodes, turn := c.nodes, c.placed
	c.placed++
	c.mu.Unlock()
	return len(nodes) > 1 && c.api.DeclareQueueOn(ctx, q, nodes[turn%len(nodes)]) == nil
}

// Update changes an object in place. Exchanges, queues and bindings cannot be changed.
func (c *Client) Update(ctx context.Context, _, want topology.Object) error {
	o := c.on("update", want)
	switch want.(type) {
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		return &refusal.Error{Op: o.Op, Text: "RabbitMQ cannot change it in place"}
	}
	return c.explain(ctx, o, c.put(ctx, want))
}

// refuse rejects what neither protocol can carry, because the client libraries report it unclearly
// or not at all.
func (c *Client) refuse(o topology.Object) error {
	ref := o.Ref()
	for _, name := range []string{ref.VHost, ref.Name, ref.Parent, ref.Key} {
		if len(name) > 255 {
			return &refusal.Error{Text: fmt.Sprintf("names and routing keys have at most 255 bytes, and %.20q… has %d", name,
				len(name))}
		}
	}
	if ref.Kind == topology.KindExchange && ref.Name == "" || ref.Kind == topology.KindBinding && ref.Parent == "" {
		return &refusal.Error{Text: refusal.DefaultExchangeText, Sentinel: topology.ErrNotPermitted}
	}
	return nil
}

// put creates or changes an object of a kind that only the management API writes.
func (c *Client) put(ctx context.Context, o topology.Object) error {
	if c.api == nil {
		return withoutAPI("", "that takes the management API: over AMQP alone only exchanges, queues and bindings can be "+
			"declared")
	}
	return c.api.Put(ctx, o)
}

// SaveOwnership writes the record as the global parameter msgctl.<name>, or removes it when it is
// empty. It takes the tag policymaker.
func (c *Client) SaveOwnership(ctx context.Context, o topology.Ownership) error {
	if c.api == nil {
		return withoutAPI(fmt.Sprintf("record what topology %q owns", o.Name), "that takes the management API")
	}
	return c.api.SaveOwnership(ctx, o)
}

// ForgetOwnership removes a record if it is still as given and no vhost that it names exists. It
// takes the tags policymaker and monitoring.
func (c *Client) ForgetOwnership(ctx context.Context, o topology.Ownership) error {
	if c.api == nil {
		return withoutAPI(fmt.Sprintf("forget what topology %q owned", o.Name), "that takes the management API")
	}
	return c.api.ForgetOwnership(ctx, o)
}
