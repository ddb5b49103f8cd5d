package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consumer says how a consumer reads and acknowledges.
type Consumer struct {
	// URL is the AMQP address, with credentials and vhost. It may be a proxy's.
	URL string
	// Queue is what it reads.
	Queue string
	// Prefetch is how many messages it may hold. 0 means 100.
	Prefetch int
	// Hold is for how long it keeps a message before it acknowledges it. It looks every few
	// milliseconds, also with 0.
	Hold time.Duration
	// Batch is how many of the messages that are due it acknowledges at once. 0 means each by itself.
	Batch int
}

// Consume starts a consumer. It subscribes again when the broker cancels it, when its connection
// ends, and while there is no such queue. It ends at StopConsuming.
func (l *Ledger) Consume(c Consumer) {
	if c.Prefetch == 0 {
		c.Prefetch = 100
	}
	l.consuming.Add(1)
	go func() {
		defer l.consuming.Done()
		r := &receiver{Ledger: l, Consumer: c}
		for {
			err := r.subscription()
			if errors.Is(err, errStopped) {
				return
			}
			l.fail(fmt.Errorf("consumer of %q: %w", c.Queue, err))
			if !l.again(l.rest) {
				return
			}
		}
	}()
}

// errCancelled says that the broker cancelled a subscription.
var errCancelled = errors.New("the broker cancelled the consumer")

// receiver is a consumer with what it holds.
type receiver struct {
	*Ledger
	Consumer
	conn *amqp.Connection
	held []delivery
}

type delivery struct {
	amqp.Delivery
	at time.Time
}

// subscription reads on a channel of its own until it ends.
func (r *receiver) subscription() error {
	ch, deliveries, err := r.subscribe()
	if err != nil {
		return err
	}
	cancelled := ch.NotifyCancel(make(chan string, 1))
	r.count(func(c *Counts) { c.Subscribed++ })
	clock := time.NewTicker(tick)
	defer clock.Stop()
	defer r.forget()
	for {
		select {
		case <-r.ctx.Done():
			return errStopped
		case <-r.rest:
			return r.end(ch, deliveries)
		case d, open := <-deliveries:
			if open {
				r.take(d)
				break
			}
			if _, byBroker := <-cancelled; !byBroker {
				return amqp.ErrClosed
			}
			r.count(func(c *Counts) { c.Cancelled++ })
			r.settle(len(r.held)) // it processes what it has all the same
			return errCancelled
		case <-clock.C:
			r.settleDue()
		}
	}
}

// tag is the consumer tag. Each subscription has a channel of its own.
const tag = "ledger"

// subscribe connects if necessary. The connection ends with the test.
func (r *receiver) subscribe() (*amqp.Channel, <-chan amqp.Delivery, error) {
	if r.conn == nil || r.conn.IsClosed() {
		conn, err := amqp.Dial(r.URL)
		if err != nil {
			return nil, nil, err
		}
		r.conn = conn
		context.AfterFunc(r.ctx, func() { _ = conn.Close() })
	}
	ch, err := r.conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	if err := ch.Qos(r.Prefetch, 0, false); err != nil {
		return nil, nil, err
	}
	deliveries, err := ch.Consume(r.Queue, tag, false, false, false, false, nil)
	return ch, deliveries, err
}

func (r *receiver) take(d amqp.Delivery) {
	r.held = append(r.held, delivery{d, time.Now()})
	r.count(func(c *Counts) { c.Held++ })
}

// settleDue acknowledges what it has held for long enough.
func (r *receiver) settleDue() {
	due := 0
	for due < len(r.held) && time.Since(r.held[due].at) >= r.Hold {
		due++
	}
	r.settle(due)
}

// settle acknowledges the n oldest messages that it holds, and records them.
func (r *receiver) settle(n int) {
	for n > 0 {
		batch := min(n, max(r.Batch, 1))
		if r.held[batch-1].Ack(true) != nil {
			return // the connection has ended, so that they come again
		}
		for _, d := range r.held[:batch] {
			r.consumed(d.Body, d.Redelivered)
		}
		r.count(func(c *Counts) { c.Held -= batch })
		r.held, n = r.held[batch:], n-batch
	}
}

// forget drops what is held when the channel has ended.
func (r *receiver) forget() {
	r.count(func(c *Counts) { c.Held -= len(r.held) })
	r.held = nil
}

// end cancels the subscription and acknowledges what has come. What is still on its way returns to
// the queue when the channel is closed.
func (r *receiver) end(ch *amqp.Channel, deliveries <-chan amqp.Delivery) error {
	if err := ch.Cancel(tag, false); err != nil {
		return err
	}
	for d := range deliveries {
		r.take(d)
	}
	r.settle(len(r.held))
	_ = ch.Close()
	return errStopped
}
