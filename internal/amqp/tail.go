package amqp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/wire"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// readAhead is how many bytes a subscription reads ahead of its receiver. One message may exceed
// it.
const readAhead = 16 << 20

// Tails returns a dialer of tail subscriptions in a vhost. It does no I/O.
func (c *Client) Tails(vhost string) tail.Dialer { return &tailDialer{opts: c.opts, vhost: vhost} }

type tailDialer struct {
	opts  Options
	vhost string
}

// tailPrefix begins the names of private queues.
const tailPrefix = "msgctl.tail."

// drainedAfter is how long a receiver must wait until nothing can be on its way to it within this
// process: the library hands deliveries over through two goroutines.
const drainedAfter = 10 * time.Millisecond

// tailSubscription is a subscription on its own connection. It limits how far the connection reads
// ahead.
type tailSubscription struct {
	*subscription
	meter *wire.Meter
}

var _ tail.Subscription = (*tailSubscription)(nil)

// Next implements consume.Subscription.
func (f *tailSubscription) Next(ctx context.Context) (consume.Delivery, error) {
	if d, ok := f.TryNext(); ok {
		return d, nil
	}
	defer f.meter.Waiting(drainedAfter)()
	d, err := f.subscription.Next(ctx)
	if err == nil {
		f.account(&d)
	}
	return d, err
}

// TryNext implements consume.Subscription.
func (f *tailSubscription) TryNext() (consume.Delivery, bool) {
	d, ok := f.subscription.TryNext()
	if ok {
		f.account(&d)
	}
	return d, ok
}

// account makes room for further bytes. It removes the name of the private queue from the delivery.
func (f *tailSubscription) account(d *consume.Delivery) {
	f.meter.Received(d.Size())
	if !f.stream {
		d.Queue = ""
	}
}

// Close implements consume.Subscription. It deletes the private queue first: publishers do not notice
// that, but they would notice the end of the connection (fact closed-owner-nacks).
func (f *tailSubscription) Close() error {
	f.meter.Release()
	if f.queue != "" && !f.stream && !f.link.conn.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		_ = f.alone(ctx, func(ch *amqp091.Channel) error { // the end of the connection deletes it, too
			_, err := ch.QueueDelete(f.queue, false, false, false)
			return err
		})
	}
	return f.subscription.Close()
}

// closeWithin is the longest time that the end of a subscription waits for an answer of the broker.
const closeWithin = 10 * time.Second

// lingering returns a context that ends closeWithin after ctx: an AMQP method that is in progress when
// ctx ends must not cut the connection, which publishers would notice.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, guarded.Func(func() { time.AfterFunc(closeWithin, guarded.Func(cancel)) }))
	return late, func() { stop(); cancel() }
}

func bindTable(b tail.Bind) amqp091.Table {
	return message.Native[amqp091.Table](b.Arguments, func(d message.Decimal) any { return amqp091.Decimal(d) })
}

// Waiting implements tail.Subscription.
func (f *tailSubscription) Waiting(ctx context.Context) (n int64, err error) {
	ctx, cancel := lingering(ctx)
	defer cancel()
	err = f.ask(ctx, func(q amqp091.Queue) { n = int64(q.Messages) })
	return n, err
}

// Purge implements tail.Subscription. It purges only the private queue: a stream cannot be purged.
func (f *tailSubscription) Purge(ctx context.Context) (n int64, err error) {
	err = f.onChannel(ctx, func(ch *amqp091.Channel) error {
		count, err := ch.QueuePurge(f.queue, false)
		n = int64(count)
		return err
	})
	return n, err
}

// open opens a connection for a subscription.
func (d *tailDialer) open(ctx context.Context, op string) (*tailSubscription, error) {
	f := &tailSubscription{}
	o := d.opts.consuming(func(conn *wire.Coalescer) net.Conn {
		f.meter = wire.NewMeter(conn, readAhead)
		return f.meter
	})
	l, err := dial(ctx, o, d.vhost)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	f.subscription = &subscription{opts: d.opts, vhost: d.vhost, link: l, shared: &sharing{users: 1}}
	return f, nil
}

// Stream implements tail.Dialer.
func (d *tailDialer) Stream(ctx context.Context, queue string, offset any) (tail.Subscription, error) {
	o := consume.Options{Queue: queue, Prefetch: tail.Prefetch, Offset: offset, Tag: "msgctl-tail"}
	if err := checkConsume(o); err != nil {
		return nil, err
	}
	f, err := d.open(ctx, fmt.Sprintf("read stream %q", queue))
	if err != nil {
		return nil, err
	}
	f.queue, f.stream = queue, true
	if err := f.start(ctx, o); err != nil {
		_ = f.Close()
		return nil, f.explain(ctx, err)
	}
	return f, nil
}

// Tap implements tail.Dialer.
func (d *tailDialer) Tap(ctx context.Context, binds []tail.Bind) (tail.Subscription, map[string]error, error) {
	f, err := d.open(ctx, "make a private queue")
	if err != nil {
		return nil, nil, err
	}
	skipped, err := f.tap(ctx, binds)
	if err == nil {
		late, cancel := lingering(ctx)
		defer cancel()
		err = f.start(late, consume.Options{Queue: f.queue, Prefetch: tail.Prefetch, Tag: "msgctl-tail"})
		if err != nil {
			err = f.explain(ctx, err)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, skipped, nil
}

// tap declares and binds the private queue. skipped has the refused exchanges and the reasons. Each
// refusal closes a channel.
func (f *tailSubscription) tap(ctx context.Context, binds []tail.Bind) (skipped map[string]error, err error) {
	if err := f.declare(ctx); err != nil {
		return nil, err
	}
	skipped, bound := map[string]error{}, 0
	for _, b := range binds {
		if skipped[b.Exchange] != nil {
			continue
		}
		err := f.onChannel(ctx, func(ch *amqp091.Channel) error {
			return ch.QueueBind(f.queue, b.Key, b.Exchange, false, bindTable(b))
		})
		switch {
		case err == nil:
			bound++
			continue
		case ctx.Err() != nil || f.link.conn.IsClosed():
			return nil, f.explainBind(ctx, b, err)
		}
		skipped[b.Exchange] = f.explainBind(ctx, b, err)
	}
	if bound == 0 && len(skipped) > 0 {
		return nil, skipped[slices.Sorted(maps.Keys(skipped))[0]]
	}
	return skipped, nil
}

// onChannel runs do on a channel that nothing else uses, unless ctx has ended.
func (f *tailSubscription) onChannel(ctx context.Context, do func(*amqp091.Channel) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := lingering(ctx)
	defer cancel()
	return f.alone(ctx, do)
}

// alone runs do on a channel that nothing else uses. The end of ctx cuts the connection.
func (f *tailSubscription) alone(ctx context.Context, do func(*amqp091.Channel) error) error {
	return f.subscription.interruptible(ctx, func() error {
		ch, err := f.link.conn.Channel()
		if err != nil {
			return err
		}
		if err := do(ch); err != nil {
			return err
		}
		return ch.Close()
	})
}

// declare declares the private queue. It tries a name of msgctl's own first, and then a name that
// the broker generates (amq.gen-…): narrow permissions commonly allow those. The dead-letter
// arguments are for a policy that happens to match the queue. They keep what the queue drops from
// the policy's dead-letter exchange, because the default exchange has no such queue. They need the
// permission to write to the default exchange; without it they are omitted.
func (f *tailSubscription) declare(ctx context.Context) error {
	own := tailPrefix + strings.ToLower(rand.Text()[:12])
	var first error
	for _, name := range []string{own, ""} {
		for _, args := range []amqp091.Table{privateArguments(true), privateArguments(false)} {
			err := f.onChannel(ctx, func(ch *amqp091.Channel) error {
				q, err := ch.QueueDeclare(name, false, true, true, false, args)
				f.queue = q.Name
				return err
			})
			if err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
			var x *amqp091.Error
			if !errors.As(err, &x) || x.Code != amqp091.AccessRefused {
				return f.explainDeclare(ctx, own, err)
			}
		}
	}
	return f.explainDeclare(ctx, own, first)
}

func privateArguments(deadLetters bool) amqp091.Table {
	args := amqp091.Table{"x-queue-type": "classic", "x-max-length": int64(tail.QueueMessages),
		"x-max-length-bytes": int64(tail.QueueBytes), "x-overflow": "drop-head"}
	if deadLetters {
		args["x-dead-letter-exchange"], args["x-dead-letter-routing-key"] = "", "msgctl.tail.nowhere"
	}
	return args
}

// privateNeeds returns the permissions that private queues with names of msgctl's own need.
func privateNeeds() refusal.Needs {
	own := []string{privateName(tailPrefix)}
	return refusal.Needs{Configure: own, Write: own, Read: own}
}

// privateName returns a regular expression for all private queues that are named in the way of
// queue: by msgctl or by the broker.
func privateName(queue string) string {
	if strings.HasPrefix(queue, tailPrefix) {
		return "^" + regexp.QuoteMeta(tailPrefix)
	}
	return "^amq\\.gen-"
}

func (f *tailSubscription) explainDeclare(ctx context.Context, name string, err error) error {
	const op = "make a private queue"
	var x *amqp091.Error
	if errors.As(err, &x) && x.Code == amqp091.AccessRefused {
		return &refusal.Error{Op: op, Sentinel: topology.ErrNotPermitted, Cause: x, Text: fmt.Sprintf(
			"user %q may not: watching takes the permissions to configure, write and read queues named msgctl.tail.… or "+
				"amq.gen-…, and to read the exchanges; %s", f.opts.User, privateNeeds().Give(f.opts.User, f.vhost))}
	}
	return explain(ctx, refusal.Operation{Op: op, Object: &topology.Queue{VHost: f.vhost, Name: name}, User: f.opts.User},
		err)
}

func (f *tailSubscription) explainBind(ctx context.Context, b tail.Bind, err error) error {
	op := fmt.Sprintf("watch exchange %q", b.Exchange)
	var x *amqp091.Error
	if errors.As(err, &x) && x.Code == amqp091.AccessRefused {
		text := refusal.NoRead(f.opts.User, f.vhost, b.Exchange)
		switch detail := refusal.Parse(x.Reason).Detail; {
		case strings.Contains(detail, "queue '"):
			text = fmt.Sprintf("user %q may make the private queue %s but not write to it, which binding takes: %s",
				f.opts.User, f.queue, refusal.Needs{Write: []string{privateName(f.queue)}}.Give(f.opts.User, f.vhost))
		case strings.Contains(detail, "topic"):
			text = fmt.Sprintf("user %q lacks the topic permission to read keys like %q: %s", f.opts.User, b.Key,
				refusal.GiveTopic(f.opts.User, f.vhost, b.Exchange, "", b.Key))
		}
		return &refusal.Error{Op: op, Sentinel: topology.ErrNotPermitted, Cause: x, Text: text}
	}
	return explain(ctx, refusal.Operation{Op: op, Object: &topology.Exchange{VHost: f.vhost, Name: b.Exchange},
		User: f.opts.User}, err)
}
