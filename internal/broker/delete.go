package broker

import (
	"cmp"
	"context"
	"errors"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/management"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Delete deletes an object, and succeeds if it does not exist. It uses the broker's own conditions
// where they exist: if-empty and if-unused of classic queues, if-unused of exchanges. If-empty
// counts the ready messages of a classic queue. It does not count messages that a client has got
// with basic.get and not acknowledged.
//
// Quorum queues and streams have no such conditions (fact delete-conditions-classic-only), and
// nothing keeps other clients out. Delete counts their messages and consumers, also reads a stream
// from its beginning, and deletes right after the last count. A race remains: a message that
// arrives between that count and the deletion, one network round trip, is lost, and a consumer is
// cancelled. Messages that a client has got with basic.get, and consumers of a stream, are counted
// by the management API only, some seconds late. A deletion with conditions needs AMQP; for a
// stream it also needs the management API.
//
// Without IfEmpty, MaxMessages may be lost, counted just before.
func (c *Client) Delete(ctx context.Context, have topology.Object, conditions topology.DeleteConditions) error {
	return c.explain(ctx, c.on("delete", have), missingIsFine(c.delete(ctx, have, conditions)))
}

func (c *Client) delete(ctx context.Context, have topology.Object, conditions topology.DeleteConditions) error {
	switch o := have.(type) {
	case *topology.VHost:
		return c.deleteVHost(ctx, o, conditions)
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		conn, err := c.overAMQP(ctx, have.Ref().VHost)
		if err != nil {
			return err
		}
		switch o := have.(type) {
		case *topology.Exchange:
			return c.deleteExchange(ctx, conn, o, conditions)
		case *topology.Queue:
			return c.deleteQueue(ctx, conn, o, conditions)
		case *topology.Binding:
			return c.deleteBinding(ctx, conn, o)
		}
		return nil
	default:
		return c.deleteHTTP(ctx, o)
	}
}

// missingIsFine ignores errors about objects that do not exist, or whose vhost does not exist.
func missingIsFine(err error) error {
	if amqp.IsNotFound(err) || management.IsNotFound(err) || errors.Is(err, topology.ErrVHostMissing) {
		return nil
	}
	return err
}

// deleteHTTP deletes an object without guards.
func (c *Client) deleteHTTP(ctx context.Context, o topology.Object) error {
	if c.api == nil {
		return withoutAPI("", "that takes the management API: over AMQP alone only exchanges, queues and bindings can be "+
			"deleted")
	}
	return c.api.Delete(ctx, o)
}

// deleteVHost deletes a vhost and everything in it, if its queues hold no more messages than the
// conditions allow.
func (c *Client) deleteVHost(ctx context.Context, v *topology.VHost, conditions topology.DeleteConditions) error {
	if c.api == nil {
		return c.deleteHTTP(ctx, v)
	}
	allowed := conditions.MaxMessages
	if conditions.IfEmpty {
		allowed = 0
	}
	var refused error
	err := c.awaitCounts(ctx, func() (bool, error) {
		counts, err := c.api.Totals(ctx, v.Name)
		if err == nil && conditions.MaxMessages == 0 {
			err = allRunning(counts)
		}
		refused = vhostInUse(counts, allowed, conditions.IfUnused)
		return refused != nil, err
	})
	if err = cmp.Or(err, refused); err != nil {
		return err
	}
	c.forget(v.Name)
	return c.deleteHTTP(ctx, v)
}

// allRunning returns an error if what a queue holds is not known.
func allRunning(counts map[topology.Ref]topology.QueueStatus) error {
	for ref, s := range counts {
		if s.State != "" {
			return declare.InUse("%s is in the state %s: what it holds is not known", ref, s.State)
		}
	}
	return nil
}

// vhostInUse returns why a vhost with these queues is not deleted, nil if it may be.
func vhostInUse(counts map[topology.Ref]topology.QueueStatus, allowed int64, ifUnused bool) error {
	var messages, consumers int64
	for _, s := range counts {
		messages += s.Messages
		consumers += s.Consumers
	}
	if messages > allowed {
		return declare.InUse("its queues hold %s, which would be lost", units.FormatCount(messages, "message"))
	}
	if ifUnused && consumers > 0 {
		return declare.InUse("its queues have %s", units.FormatCount(consumers, "consumer"))
	}
	return nil
}

func (c *Client) deleteExchange(ctx context.Context, conn *amqp.RecoveringConnection, x *topology.Exchange,
	conditions topology.DeleteConditions) error {
	if conn != nil {
		return declare.DeleteExchange(ctx, conn, x, conditions.IfUnused)
	}
	return c.api.DeleteExchange(ctx, x, conditions.IfUnused)
}

// deleteBinding deletes by properties key where there are arguments: AMQP would need their exact
// types, which JSON does not show.
func (c *Client) deleteBinding(ctx context.Context, conn *amqp.RecoveringConnection, b *topology.Binding) error {
	if conn != nil && (c.api == nil || len(b.Arguments) == 0 || len(b.PropertiesKeys) == 0) {
		return declare.Unbind(ctx, conn, b)
	}
	return c.api.DeleteBinding(ctx, b)
}

func (c *Client) deleteQueue(ctx context.Context, conn *amqp.RecoveringConnection, q *topology.Queue,
	conditions topology.DeleteConditions) error {
	if err := c.atWork(ctx, q, conditions); err != nil {
		return err
	}
	if !conditions.IfEmpty || q.Type != topology.Classic {
		allowed := conditions.MaxMessages
		if conditions.IfEmpty {
			allowed = 0
		}
		if err := c.recount(ctx, conn, q, allowed); err != nil {
			return err
		}
	}
	guarded := conditions.IfEmpty || conditions.IfUnused
	switch {
	case guarded && q.Type != topology.Classic && conn == nil:
		return declare.InUse("whether a %s queue is unused and empty can be made sure over AMQP only, and %s is not "+
			"reachable", q.Type, c.amqp.URL())
	case conn == nil:
		return c.api.DeleteQueue(ctx, q, conditions.IfUnused, conditions.IfEmpty)
	case q.Type == topology.Stream && conditions.IfUnused:
		if err := c.unconsumed(ctx, q); err != nil {
			return err
		}
	}
	return declare.DeleteQueue(ctx, conn, q, conditions)
}

// atWork refuses to delete a queue that is not running, unless the conditions allow a loss: its
// messages cannot be counted.
func (c *Client) atWork(ctx context.Context, q *topology.Queue, conditions topology.DeleteConditions) error {
	if c.api == nil || conditions.MaxMessages > 0 {
		return nil
	}
	state, err := c.api.State(ctx, q)
	if err == nil && state != "" {
		return declare.InUse("it is in the state %s: what it holds is not known", state)
	}
	return err
}

// unconsumed refuses when a stream has consumers, which AMQP does not count.
func (c *Client) unconsumed(ctx context.Context, q *topology.Queue) error {
	if c.api == nil {
		return declare.InUse("whether a stream has consumers, only the management API can tell")
	}
	var count int64
	err := c.api.Consumers(ctx, q.VHost, func(queue string) {
		if queue == q.Name {
			count++
		}
	})
	if err == nil && count > 0 {
		return declare.InUse("it has %s", units.FormatCount(count, "consumer"))
	}
	return err
}

// recount refuses when a queue holds more than may be lost. Unacknowledged messages are counted by
// the management API only, and late (fact counts-are-late): a refusal that rests on its count alone
// waits until the broker had time to correct it.
func (c *Client) recount(ctx context.Context, conn *amqp.RecoveringConnection, q *topology.Queue, allowed int64) error {
	refuse := func(count int64) error {
		return declare.InUse("it holds %s, and %d may be lost", units.FormatCount(count, "message"), allowed)
	}
	if conn != nil {
		n, err := declare.Count(ctx, conn, q)
		if err != nil && !(amqp.IsDown(err) && allowed > 0) {
			return err
		}
		if n.Messages > allowed {
			return refuse(n.Messages)
		}
	}
	if c.api == nil {
		return nil
	}
	var listed int64
	err := c.awaitCounts(ctx, func() (doubtful bool, err error) {
		listed, err = c.api.Messages(ctx, q)
		return listed > allowed, err
	})
	if err == nil && listed > allowed {
		return refuse(listed)
	}
	return err
}
