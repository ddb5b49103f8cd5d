package rabbit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Source returns a source of the messages of a vhost's queues. Every subscription has a connection
// of its own: one that is slow to receive keeps no other from its messages. Windows that only hold
// messages can share one: see Share.
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
	opts := s.opts
	opts.wrap = func(conn net.Conn) net.Conn {
		shared.sieve = newSieve(coalesce(conn))
		return shared.sieve
	}
	l, err := dial(ctx, opts, s.vhost)
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

func checkConsume(o consume.Options) error {
	if o.Prefetch < 1 || o.Prefetch > math.MaxUint16 {
		return fmt.Errorf("consume from queue %q: the prefetch is %d: it must be from 1 to %d", o.Queue, o.Prefetch,
			math.MaxUint16)
	}
	if len(o.Queue) > maxShortString || len(o.Tag) > maxShortString {
		return fmt.Errorf("consume from queue %.40q…: names and consumer tags have at most %d bytes", o.Queue, maxShortString)
	}
	return nil
}

// start opens the channels and begins to consume.
func (s *subscription) start(ctx context.Context, o consume.Options) error {
	return s.interruptible(ctx, func() (err error) {
		if s.ch, err = s.link.conn.Channel(); err != nil {
			return err
		}
		s.closed = s.ch.NotifyClose(make(chan *amqp.Error, 1))
		s.dropped = s.ch.NotifyCancel(make(chan string, 1))
		if err := s.ch.Qos(o.Prefetch, 0, false); err != nil {
			return err
		}
		s.prefetch, s.tag = o.Prefetch, o.Tag
		if s.tag == "" {
			s.tag = "msgctl"
		}
		var args amqp.Table
		if o.Offset != nil {
			args = amqp.Table{"x-stream-offset": o.Offset}
		}
		s.inbox, s.reader = newInbox(), s.shared.borrowReader()
		s.over, err = s.shared.consume(s.inbox, func() (<-chan amqp.Delivery, error) {
			return s.ch.Consume(o.Queue, s.tag, false, o.Exclusive, false, false, args)
		})
		return err
	})
}

// interruptible runs f, which may block without knowing ctx. When ctx or the options' timeout ends
// first, the connection is cut, which ends f, and the error wraps ctx's.
func interruptible(ctx context.Context, o Options, l *link, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.net.Close() })
	err := f()
	if !stop() {
		return unreachable("", "no answer from "+o.amqpURL()+" in time", errors.Join(ctx.Err(), err))
	}
	return err
}

// explain says for people why consuming did not start, or ended.
func (s *subscription) explain(ctx context.Context, err error) error {
	op := fmt.Sprintf("consume from queue %q", s.queue)
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	var x *amqp.Error
	if !errors.As(err, &x) || !x.Server {
		return explainer{op: op, user: s.opts.User}.explain(ctx, err)
	}
	if text := s.refusal(parseReply(x.Reason), x.Code); text != "" {
		kind := error(nil)
		switch parseReply(x.Reason).kind {
		case replyRefused:
			kind = topology.ErrNotPermitted
		case replyExclusiveUse, replyLocked:
			kind = topology.ErrInUse
		}
		return &Error{Op: op, Text: text, Kind: kind, cause: x}
	}
	return explainer{op: op, object: &topology.Queue{VHost: s.vhost, Name: s.queue}, user: s.opts.User}.explain(ctx, err)
}

// refusal words what the broker says to a consumer, "" for what is said elsewhere.
func (s *subscription) refusal(r reply, code int) string {
	switch {
	case r.kind == replyRefused:
		return fmt.Sprintf("user %q lacks the permission to read it: an administrator grants it with rabbitmqctl "+
			"set_permissions -p %s %s CONFIGURE WRITE READ (regular expressions on names)",
			s.opts.User, shell.Quote(s.vhost), shell.Quote(s.opts.User))
	case r.kind == replyExclusiveUse:
		return "it has a consumer that keeps others away, or it was to be consumed exclusively and has a consumer: stop " +
			"that one first"
	case code == amqp.NotImplemented && s.stream, code == amqp.PreconditionFailed && s.stream:
		return "it cannot be read by offset: only streams can (" + orUnsaid(r.detail) + ")"
	}
	return ""
}
