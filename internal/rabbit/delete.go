package rabbit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// settle is how long a stream is given to deliver a message that it holds: its count lags by some
// seconds, its delivery does not (3.10.8, 4.0.5, 4.3.6).
const settle = time.Second

// Delete removes an object, and succeeds when it is gone already. Guards are the broker's own where
// it has them: if-empty and if-unused of classic queues, if-unused of exchanges. If-empty of a
// classic queue counts ready messages; those that a client has got and not settled without being a
// consumer are not seen.
//
// Quorum queues and streams know no such guards (540 NOT_IMPLEMENTED), and do not keep others out
// while there is an exclusive consumer either (both: 3.10.8, 4.0.5, 4.3.6), so nobody can be locked
// out. Delete counts messages and consumers, of a stream reads from its beginning too, and deletes
// at once after the last count. What remains is a race: a message or a consumer that arrives
// between that count and the deletion, one network round trip, is lost or cut off. Messages that a
// client holds without being a consumer, and consumers of a stream, are seen if the management API
// counts them, which takes it some seconds. A guarded deletion of one needs AMQP, and of a stream
// the management API too.
//
// A guard without IfEmpty allows MaxMessages to be lost, counted just before.
func (c *Client) Delete(ctx context.Context, have topology.Object, guard topology.Guard) error {
	e := c.explainer("delete", have)
	return e.explain(ctx, missingIsFine(c.delete(ctx, have, guard)))
}

func (c *Client) delete(ctx context.Context, have topology.Object, guard topology.Guard) error {
	switch o := have.(type) {
	case *topology.VHost:
		return c.deleteVHost(ctx, o, guard)
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		s, err := c.overAMQP(ctx, have.Ref().VHost)
		if err != nil {
			return err
		}
		switch o := have.(type) {
		case *topology.Exchange:
			return c.deleteExchange(ctx, s, o, guard)
		case *topology.Queue:
			return c.deleteQueue(ctx, s, o, guard)
		case *topology.Binding:
			return c.deleteBinding(ctx, s, o)
		}
		return nil
	default:
		return c.deleteHTTP(ctx, o)
	}
}

// missingIsFine: what is gone, or lived in what is gone, needs no deletion.
func missingIsFine(err error) error {
	var exception *amqp.Error
	if errors.As(err, &exception) && exception.Server && exception.Code == amqp.NotFound {
		return nil
	}
	if errors.Is(err, topology.ErrVHostMissing) {
		return nil
	}
	return gone(err)
}

func inUse(format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Kind: topology.ErrInUse}
}

// deleteVHost deletes a vhost with all that is in it, if its queues hold no more messages than the
// guard allows.
func (c *Client) deleteVHost(ctx context.Context, v *topology.VHost, guard topology.Guard) error {
	if c.api == nil {
		return c.deleteHTTP(ctx, v)
	}
	counts, err := c.totals(ctx, v.Name)
	if err != nil {
		return err
	}
	var messages, consumers int64
	for _, s := range counts {
		messages += s.Messages
		consumers += s.Consumers
	}
	allowed := guard.MaxMessages
	if guard.IfEmpty {
		allowed = 0
	}
	if messages > allowed {
		return inUse("its queues hold %d messages, which would be lost", messages)
	}
	if guard.IfUnused && consumers > 0 {
		return inUse("its queues have %d consumers", consumers)
	}
	c.forget(v.Name)
	return c.deleteHTTP(ctx, v)
}

func (c *Client) deleteExchange(ctx context.Context, s *session, x *topology.Exchange, guard topology.Guard) error {
	if s != nil {
		return s.do(ctx, func(ch *amqp.Channel) error { return ch.ExchangeDelete(x.Name, guard.IfUnused, false) })
	}
	if err := addressable(x.VHost, x.Name); err != nil {
		return err
	}
	p := path("exchanges", x.VHost, x.Name)
	if guard.IfUnused {
		p += "?if-unused=true"
	}
	return c.api.put(ctx, http.MethodDelete, p, nil)
}

// deleteBinding deletes by properties key where there are arguments: AMQP would need their exact
// types, which JSON does not show.
func (c *Client) deleteBinding(ctx context.Context, s *session, b *topology.Binding) error {
	if s != nil && (c.api == nil || len(b.Arguments) == 0 || len(b.PropertiesKeys) == 0) {
		return s.do(ctx, func(ch *amqp.Channel) error {
			if b.DestinationType == topology.ToExchange {
				return ch.ExchangeUnbind(b.Destination, b.RoutingKey, b.Source, false, table(b.Arguments))
			}
			return ch.QueueUnbind(b.Destination, b.RoutingKey, b.Source, table(b.Arguments))
		})
	}
	if err := addressable(b.VHost, b.Source, b.Destination); err != nil {
		return err
	}
	for _, key := range b.PropertiesKeys {
		if err := gone(c.api.put(ctx, http.MethodDelete, bindingPath(b)+"/"+path(key), nil)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) deleteQueue(ctx context.Context, s *session, q *topology.Queue, guard topology.Guard) error {
	if !guard.IfEmpty || q.Type != topology.Classic {
		allowed := guard.MaxMessages
		if guard.IfEmpty {
			allowed = 0
		}
		if err := c.recount(ctx, s, q, allowed); err != nil {
			return err
		}
	}
	guarded := guard.IfEmpty || guard.IfUnused
	switch {
	case guarded && q.Type != topology.Classic && s == nil:
		return &Error{Text: fmt.Sprintf("whether a %s queue is unused and empty can be made sure over AMQP only, and %s "+
			"is not reachable", q.Type, c.opts.amqpURL()), Kind: topology.ErrInUse}
	case guarded && q.Type == topology.Stream && guard.IfUnused:
		if err := c.unconsumed(ctx, q); err != nil {
			return err
		}
		return s.do(ctx, func(ch *amqp.Channel) error { return deleteChecked(ch, q, guard) })
	case guarded && q.Type != topology.Classic:
		return s.do(ctx, func(ch *amqp.Channel) error { return deleteChecked(ch, q, guard) })
	case s != nil:
		return s.do(ctx, func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(q.Name, guard.IfUnused, guard.IfEmpty, false)
			return err
		})
	}
	if err := addressable(q.VHost, q.Name); err != nil {
		return err
	}
	return c.api.put(ctx, http.MethodDelete, path("queues", q.VHost, q.Name)+fmt.Sprintf("?if-unused=%t&if-empty=%t",
		guard.IfUnused, guard.IfEmpty), nil)
}

// unconsumed refuses when a stream has consumers, which AMQP does not count.
func (c *Client) unconsumed(ctx context.Context, q *topology.Queue) error {
	if c.api == nil {
		return inUse("whether a stream has consumers, only the management API can tell")
	}
	var count int64
	err := c.consumers(ctx, q.VHost, func(queue string) {
		if queue == q.Name {
			count++
		}
	})
	if err == nil && count > 0 {
		return inUse("it has %d consumers", count)
	}
	return err
}

// recount refuses when a queue holds more than may be lost.
func (c *Client) recount(ctx context.Context, s *session, q *topology.Queue, allowed int64) error {
	var count int64
	if s != nil {
		if err := s.do(ctx, func(ch *amqp.Channel) error {
			state, err := ch.QueueDeclarePassive(q.Name, q.Durable, q.AutoDelete, q.Exclusive, false, nil)
			count = int64(state.Messages)
			return err
		}); err != nil {
			return err
		}
	}
	if c.api != nil && addressable(q.VHost, q.Name) == nil {
		var stats struct {
			Messages int64 `json:"messages"`
		}
		if err := c.api.get(ctx, path("queues", q.VHost, q.Name)+"?columns=name,messages", &stats); err != nil {
			return err
		}
		count = max(count, stats.Messages)
	}
	if count > allowed {
		return inUse("it holds %d messages, and %d may be lost", count, allowed)
	}
	return nil
}

// deleteChecked deletes a quorum queue or stream that is idle, as Delete says.
func deleteChecked(ch *amqp.Channel, q *topology.Queue, guard topology.Guard) error {
	if err := idle(ch, q, guard); err != nil {
		return err
	}
	if q.Type == topology.Stream && guard.IfEmpty {
		if err := unread(ch, q); err != nil {
			return err
		}
		if err := idle(ch, q, guard); err != nil {
			return err
		}
	}
	_, err := ch.QueueDelete(q.Name, false, false, false)
	return err
}

// unread looks for a message in a stream, from its beginning. Reading takes nothing away from a
// stream. The consumer is cancelled in any case: one that a stream is deleted under stays in the
// list of consumers for ever (3.10.8, 4.0.5).
func unread(ch *amqp.Channel, q *topology.Queue) error {
	if err := ch.Qos(1, 0, false); err != nil {
		return err
	}
	const tag = "msgctl.delete"
	deliveries, err := ch.Consume(q.Name, tag, false, false, false, false, amqp.Table{"x-stream-offset": "first"})
	if err != nil {
		return err
	}
	select {
	case _, ok := <-deliveries:
		if !ok {
			return amqp.ErrClosed
		}
		_ = ch.Close() // with the consumer
		return inUse("it holds messages")
	case <-time.After(settle):
		return ch.Cancel(tag, false)
	}
}

// idle checks the counts.
func idle(ch *amqp.Channel, q *topology.Queue, guard topology.Guard) error {
	state, err := ch.QueueDeclarePassive(q.Name, q.Durable, q.AutoDelete, q.Exclusive, false, nil)
	if err != nil {
		return err
	}
	if guard.IfEmpty && state.Messages > 0 {
		return inUse("it holds %d messages", state.Messages)
	}
	if guard.IfUnused && state.Consumers > 0 {
		return inUse("it has %d consumers", state.Consumers)
	}
	return nil
}
