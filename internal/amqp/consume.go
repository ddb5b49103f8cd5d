package amqp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/wire"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Source returns a source of messages from the queues of a vhost. Each subscription has its own
// connection, so a slow receiver does not delay the others. Consumers that only hold messages can
// share a connection: see Share.
func (c *Client) Source(vhost string) consume.Source { return &source{opts: c.opts, vhost: vhost} }

type source struct {
	opts  Options
	vhost string
}

// Subscribe implements consume.Source.
func (s *source) Subscribe(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	if err := checkConsume(o); err != nil {
		return nil, err
	}
	shared := &sharing{users: 1}
	l, err := dial(ctx, s.opts.consuming(func(conn *wire.Coalescer) net.Conn { return conn }), s.vhost)
	if err != nil {
		return nil, fmt.Errorf("consume from queue %q: %w", o.Queue, err)
	}
	sub := &subscription{opts: s.opts, vhost: s.vhost, queue: o.Queue, stream: o.Offset != nil, link: l, shared: shared}
	if err := sub.start(ctx, o); err != nil {
		l.close()
		return nil, sub.explain(ctx, err)
	}
	return sub, nil
}

// maxFrame is the largest frame that a consumer reads, in bytes. The headers that a publisher sets
// usually take less than 128 KiB; each death in another queue may add as much again.
const maxFrame = 4 << 20

// consuming returns options for a connection that only consumes. wrap returns the connection that
// the library reads from and writes to.
func (o Options) consuming(wrap func(*wire.Coalescer) net.Conn) Options {
	o.frameMax = maxFrame
	o.wrap = func(conn net.Conn) net.Conn { return wrap(wire.Coalesce(conn)) }
	return o
}

func checkConsume(o consume.Options) error {
	if o.Prefetch < 1 || o.Prefetch > math.MaxUint16 {
		return fmt.Errorf("consume from queue %q: the prefetch is %d: it must be from 1 to %d", o.Queue, o.Prefetch,
			math.MaxUint16)
	}
	if len(o.Queue) > maxShortString || len(o.Tag) > maxShortString {
		return fmt.Errorf("consume from queue %.40q…: names and consumer tags have at most %d bytes",
			o.Queue, maxShortString)
	}
	return nil
}

// start opens the channel and begins to consume.
func (s *subscription) start(ctx context.Context, o consume.Options) error {
	return s.interruptible(ctx, func() (err error) {
		if s.ch, err = s.link.conn.Channel(); err != nil {
			return err
		}
		s.closed = s.ch.NotifyClose(make(chan *amqp091.Error, 1))
		s.dropped = s.ch.NotifyCancel(make(chan string, 1))
		if err := s.ch.Qos(o.Prefetch, 0, false); err != nil {
			return err
		}
		s.prefetch, s.tag = o.Prefetch, o.Tag
		if s.tag == "" {
			s.tag = "msgctl"
		}
		var args amqp091.Table
		if o.Offset != nil {
			args = amqp091.Table{"x-stream-offset": o.Offset}
		}
		s.deliveries, err = s.ch.Consume(o.Queue, s.tag, false, o.Exclusive, false, false, args)
		return err
	})
}

// explain returns an error that tells users why consuming did not start, or why it ended.
func (s *subscription) explain(ctx context.Context, err error) error {
	op := fmt.Sprintf("consume from queue %q", s.queue)
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	var x *amqp091.Error
	if !errors.As(err, &x) || !x.Server {
		return explain(ctx, refusal.Operation{Op: op, User: s.opts.User}, err)
	}
	if text := s.refused(refusal.Parse(x.Reason), x.Code); text != "" {
		kind := error(nil)
		switch refusal.Parse(x.Reason).Kind {
		case refusal.Refused:
			kind = topology.ErrNotPermitted
		case refusal.ExclusiveUse, refusal.Locked:
			kind = topology.ErrInUse
		}
		return &refusal.Error{Op: op, Text: text, Sentinel: kind, Cause: x}
	}
	return explain(ctx, refusal.Operation{Op: op, Object: &topology.Queue{VHost: s.vhost, Name: s.queue},
		User: s.opts.User}, err)
}

// refused returns a text for the broker's refusal of a consumer, or "" for a refusal that is worded
// elsewhere.
func (s *subscription) refused(r refusal.Reply, code int) string {
	switch {
	case r.Kind == refusal.Refused:
		return refusal.NoRead(s.opts.User, s.vhost, s.queue)
	case r.Kind == refusal.ExclusiveUse:
		return "it has a consumer that keeps others away, or it was to be consumed exclusively and has a consumer: stop " +
			"that one first"
	case code == amqp091.NotImplemented && s.stream, code == amqp091.PreconditionFailed && s.stream:
		return "it cannot be read by offset: only streams can (" + refusal.OrUnsaid(r.Detail) + ")"
	}
	return ""
}
