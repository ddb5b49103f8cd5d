package rabbit

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Lab is a vhost for one run of tests, with a connection to it. It is for one goroutine. Messages
// in it belong to nobody: what is taken out and not rejected is gone.
type Lab struct {
	c      *Client
	vhost  *topology.VHost
	link   *link
	ch     *amqp.Channel
	stop   func() bool
	closed bool
	// streams are read as soon as somebody asks for a message in them.
	streams map[string]*streamReader
}

// OpenLab creates a vhost, which must not exist, and connects to it. Creating one takes an
// administrator. Close deletes it.
func (c *Client) OpenLab(ctx context.Context, vhost string) (*Lab, error) {
	l := &Lab{c: c, vhost: &topology.VHost{Name: vhost}, streams: map[string]*streamReader{}}
	if err := c.Create(ctx, l.vhost); err != nil {
		return nil, err
	}
	err := c.Create(ctx, &topology.Permission{VHost: vhost, User: c.opts.User, Configure: ".*", Write: ".*", Read: ".*"})
	if err == nil {
		l.link, err = dial(ctx, c.opts, vhost)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	// The library knows no contexts: a closed connection ends whatever waits.
	l.stop = context.AfterFunc(ctx, func() { _ = l.link.net.Close() })
	return l, nil
}

// labEnd bounds the deletion of a lab's vhost, which happens also after the context has ended.
const labEnd = 30 * time.Second

// Close ends the connection and deletes the vhost with all that is in it.
func (l *Lab) Close() error {
	if l.closed {
		return nil
	}
	l.closed = true
	if l.link != nil {
		l.stop()
		l.link.close()
	}
	l.c.forget(l.vhost.Name)
	ctx, cancel := context.WithTimeout(context.Background(), labEnd)
	defer cancel()
	return l.c.explainer("delete", l.vhost).explain(ctx, missingIsFine(l.c.deleteHTTP(ctx, l.vhost)))
}

// Create makes an object of the lab's vhost.
func (l *Lab) Create(ctx context.Context, o topology.Object) error { return l.c.Create(ctx, o) }

// Remake deletes a queue with all that is in it, and makes it anew as it is given. Its bindings are
// gone.
func (l *Lab) Remake(ctx context.Context, q *topology.Queue) error {
	err := l.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(q.Name, false, false, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete queue %q: %w", q.Name, err)
	}
	return l.c.Create(ctx, q)
}

// Publish publishes a message and waits until the broker has it. accepted is false when a full
// queue refused it; err says why the broker did not take it at all.
func (l *Lab) Publish(ctx context.Context, p route.Publication, id string) (accepted bool, err error) {
	err = l.do(func(ch *amqp.Channel) error {
		c, err := ch.PublishWithDeferredConfirm(p.Exchange, p.Key, false, false,
			amqp.Publishing{MessageId: id, Headers: labHeaders(p), Body: []byte(id), DeliveryMode: amqp.Persistent})
		if err != nil {
			return err
		}
		accepted, err = c.WaitContext(ctx)
		if err == nil && !accepted && ch.IsClosed() {
			return amqp.ErrClosed
		}
		return err
	})
	return accepted, err
}

func labHeaders(p route.Publication) amqp.Table {
	h := amqp.Table(p.Headers.Clone())
	for name, keys := range map[string][]string{"CC": p.CC, "BCC": p.BCC} {
		if len(keys) > 0 {
			h[name] = amqptable.Normalise(keys)
		}
	}
	return h
}

// Take takes the message of that id out of a queue and holds it. What else is in the queue is lost.
// The tag is for Reject.
func (l *Lab) Take(queue, id string) (tag uint64, found bool, err error) {
	err = l.do(func(ch *amqp.Channel) error {
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

// Reject rejects a message that Take holds; requeue returns it to its queue.
func (l *Lab) Reject(tag uint64, requeue bool) error {
	return l.do(func(ch *amqp.Channel) error { return ch.Reject(tag, requeue) })
}

// Ready counts the messages of a queue that nobody holds.
func (l *Lab) Ready(queue string) (int, error) {
	n := 0
	err := l.do(func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		n = q.Messages
		return err
	})
	return n, err
}

// InStream says whether a stream has the message of that id, and waits for it until patience is
// over: the count of a stream lags, its delivery does not.
func (l *Lab) InStream(ctx context.Context, queue, id string, patience time.Duration) (bool, error) {
	r := l.streams[queue]
	if r == nil {
		from, err := l.readStream(queue)
		if err != nil {
			return false, err
		}
		r = &streamReader{from: from, seen: map[string]bool{}}
		l.streams[queue] = r
		patience = max(patience, time.Second) // for the first look: later ones find what came meanwhile
	}
	return r.find(ctx, id, patience)
}

func (l *Lab) readStream(queue string) (<-chan amqp.Delivery, error) {
	ch, err := l.link.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(100, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, amqp.Table{"x-stream-offset": "first"})
}

// streamReader reads a stream from its beginning and remembers the ids.
type streamReader struct {
	from <-chan amqp.Delivery
	seen map[string]bool
}

func (r *streamReader) find(ctx context.Context, id string, patience time.Duration) (bool, error) {
	end := time.After(patience)
	for !r.seen[id] {
		select {
		case d, ok := <-r.from:
			if !ok {
				return false, amqp.ErrClosed
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

// streamStep is how often a stream is looked at.
const streamStep = 10 * time.Millisecond

// do runs f on the lab's channel, which is made anew after the broker closed it.
func (l *Lab) do(f func(*amqp.Channel) error) error {
	if l.ch == nil || l.ch.IsClosed() {
		ch, err := l.link.conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		l.ch = ch
	}
	ended := l.ch.NotifyClose(make(chan *amqp.Error, 1))
	err := f(l.ch)
	if errors.Is(err, amqp.ErrClosed) {
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
