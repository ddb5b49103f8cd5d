package declare

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Probe publishes test messages to a vhost and checks where they arrive. The vhost must be for
// tests only: messages that a Probe takes and does not reject are lost. A Probe has its own
// connection and is not safe for concurrent use.
type Probe struct {
	link *amqp.Link
	ch   *amqp091.Channel
	stop func() bool
	// streams has a reader for each stream that InStream was asked about.
	streams map[string]*streamReader
}

// Connect opens a connection to a vhost and returns a probe of it. The end of ctx cuts the
// connection. The caller must call Close.
func Connect(ctx context.Context, c *amqp.Client, vhost string) (*Probe, error) {
	l, err := c.Dial(ctx, vhost)
	if err != nil {
		return nil, err
	}
	// The library takes no contexts: closing the connection ends every pending call.
	return &Probe{link: l, stop: context.AfterFunc(ctx, guarded.Func(l.Cut)), streams: map[string]*streamReader{}}, nil
}

// Close closes the connection.
func (p *Probe) Close() {
	p.stop()
	p.link.Close()
}

// DeleteQueue deletes a queue and its messages.
func (p *Probe) DeleteQueue(name string) error {
	err := p.do(func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete queue %q: %w", name, err)
	}
	return nil
}

// Publish publishes a message with the given id and waits for the broker's confirm. accepted is
// false if a full queue refused the message. err says why the broker did not take it at all.
func (p *Probe) Publish(ctx context.Context, m route.Publication, id string) (accepted bool, err error) {
	err = p.do(func(ch *amqp091.Channel) error {
		c, err := ch.PublishWithDeferredConfirm(m.Exchange, m.Key, false, false,
			amqp091.Publishing{MessageId: id, Headers: probeHeaders(m), Body: []byte(id), DeliveryMode: amqp091.Persistent})
		if err != nil {
			return err
		}
		accepted, err = c.WaitContext(ctx)
		if err == nil && !accepted && ch.IsClosed() {
			return amqp091.ErrClosed
		}
		return err
	})
	return accepted, err
}

func probeHeaders(p route.Publication) amqp091.Table {
	h := amqp091.Table(p.Headers.Clone())
	for name, keys := range map[string][]string{"CC": p.CC, "BCC": p.BCC} {
		if len(keys) > 0 {
			h[name] = amqptable.Normalise(keys)
		}
	}
	return h
}

// Take gets messages from a queue until it finds the one with the given id, and leaves that one
// unacknowledged. Messages before it are lost. found is false if the queue runs empty first. tag is
// for Reject.
func (p *Probe) Take(queue, id string) (tag uint64, found bool, err error) {
	err = p.do(func(ch *amqp091.Channel) error {
		for {
			d, ok, err := ch.Get(queue, false)
			if err != nil || !ok {
				return err
			}
			if d.MessageId == id {
				tag, found = d.DeliveryTag, true
				return nil
			}
			if err := d.Ack(false); err != nil {
				return err
			}
		}
	})
	return tag, found, err
}

// Reject rejects a message that Take returned. With requeue the message returns to its queue.
func (p *Probe) Reject(tag uint64, requeue bool) error {
	return p.do(func(ch *amqp091.Channel) error { return ch.Reject(tag, requeue) })
}

// Ready returns the number of ready messages in a queue.
func (p *Probe) Ready(queue string) (int, error) {
	n := 0
	err := p.do(func(ch *amqp091.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		n = q.Messages
		return err
	})
	return n, err
}

// InStream reports whether a stream holds the message with the given id. It waits for the message
// up to patience, and for at least a second in the first call for a stream. It reads the stream
// because the message count lags behind delivery.
func (p *Probe) InStream(ctx context.Context, queue, id string, patience time.Duration) (bool, error) {
	r := p.streams[queue]
	if r == nil {
		from, err := p.readStream(queue)
		if err != nil {
			return false, err
		}
		r = &streamReader{from: from, seen: map[string]bool{}}
		p.streams[queue] = r
		patience = max(patience, time.Second) // for the first count; later counts find messages that arrived meanwhile
	}
	return r.find(ctx, id, patience)
}

func (p *Probe) readStream(queue string) (<-chan amqp091.Delivery, error) {
	ch, err := p.link.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(100, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, amqp091.Table{"x-stream-offset": "first"})
}

// streamReader reads a stream from its beginning and remembers the message ids.
type streamReader struct {
	from <-chan amqp091.Delivery
	seen map[string]bool
}

func (r *streamReader) find(ctx context.Context, id string, patience time.Duration) (bool, error) {
	end := time.After(patience)
	for !r.seen[id] {
		select {
		case d, ok := <-r.from:
			if !ok {
				return false, amqp091.ErrClosed
			}
			r.seen[d.MessageId] = true
			if err := d.Ack(false); err != nil {
				return false, err
			}
			continue
		default:
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-end:
			return false, nil
		case <-time.After(streamStep):
		}
	}
	return true, nil
}

// streamStep is the interval at which a stream is checked.
const streamStep = 10 * time.Millisecond

// do runs f on the channel of p. It opens the channel again if the broker closed it.
func (p *Probe) do(f func(*amqp091.Channel) error) error {
	if p.ch == nil || p.ch.IsClosed() {
		ch, err := p.link.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		p.ch = ch
	}
	ended := p.ch.NotifyClose(make(chan *amqp091.Error, 1))
	err := f(p.ch)
	if errors.Is(err, amqp091.ErrClosed) {
		select {
		case x := <-ended:
			if x != nil {
				return x
			}
		case <-time.After(time.Second):
		}
	}
	return err
}
