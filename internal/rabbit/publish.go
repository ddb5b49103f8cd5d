package rabbit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Dialer returns a dialer of channels that publish to a vhost, each on a connection of its own.
func (c *Client) Dialer(vhost string) publish.Dialer {
	return &publisherDialer{opts: c.opts, vhost: vhost}
}

type publisherDialer struct {
	opts  Options
	vhost string
}

// Open implements publish.Dialer.
func (d *publisherDialer) Open(ctx context.Context) (publish.Channel, error) {
	c := &publishChannel{opts: d.opts, vhost: d.vhost, said: make(chan struct{}, 1), ended: make(chan struct{})}
	o := d.opts
	o.wrap = func(conn net.Conn) net.Conn {
		c.wire = coalesce(conn)
		return newTap(c.wire, c.hear)
	}
	l, err := dial(ctx, o, d.vhost)
	if err != nil {
		return nil, fmt.Errorf("open a channel to publish: %w", err)
	}
	c.link = l
	if err := interruptible(ctx, d.opts, l, c.start); err != nil {
		l.close()
		return nil, explainer{op: "open a channel to publish", user: d.opts.User}.explain(ctx, err)
	}
	return c, nil
}

// publishChannel is the only channel of its connection, in confirm mode.
type publishChannel struct {
	opts  Options
	vhost string
	wire  *coalescer
	link  *link
	ch    *amqp.Channel
	enc   encoder
	seq   uint64 // of the last message published

	mu      sync.Mutex
	events  []publish.Event // said and not yet received
	whole   int             // so many of them are complete: a return comes in parts
	settled uint64          // all messages up to it were confirmed or nacked
	err     error

	said  chan struct{} // there may be events
	ended chan struct{} // closed behind the last event
}

var _ publish.Channel = (*publishChannel)(nil)

func (c *publishChannel) start() (err error) {
	if c.ch, err = c.link.conn.Channel(); err != nil {
		return err
	}
	go c.listen(listener{
		closed:  c.ch.NotifyClose(make(chan *amqp.Error, 1)),
		blocked: c.link.conn.NotifyBlocked(make(chan amqp.Blocking, 1)),
		returns: c.ch.NotifyReturn(make(chan amqp.Return)),
	})
	// The channel is the first and only one of its connection. The library must not know of the
	// confirm mode: see tap.
	c.enc = encoder{channel: 1, frameMax: c.link.conn.Config.FrameSize}
	_, err = c.wire.Write(confirmSelect(c.enc.channel))
	return err
}

// Publish implements publish.Channel.
func (c *publishChannel) Publish(ctx context.Context, t publish.Target, m *message.Message) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := c.enc.content(t, m); err != nil {
		c.enc.buf = c.enc.buf[:0]
		return 0, err
	}
	if err := c.write(m.Body); err != nil {
		return 0, fmt.Errorf("publish to %s: %w", t, errors.Join(publish.ErrLost, err))
	}
	c.seq++
	return c.seq, nil
}

// write hands the encoded method and header over, and the body behind them in frames. Every write
// is of whole frames: what the library writes on its own, all of it small, goes between them.
func (c *publishChannel) write(body []byte) error {
	if c.ch.IsClosed() {
		return amqp.ErrClosed
	}
	limit := len(body)
	if c.enc.frameMax > 0 {
		limit = c.enc.frameMax - frameAround
	}
	for {
		chunk := body[:min(len(body), limit)]
		body = body[len(chunk):]
		if len(chunk) > 0 {
			binary.BigEndian.PutUint32(c.enc.buf[c.enc.begin(frameBody)-4:], uint32(len(chunk)))
		}
		err := c.wire.writeAll(c.enc.buf, chunk, endOf(chunk))
		c.enc.buf = c.enc.buf[:0]
		if err != nil || len(body) == 0 {
			return err
		}
	}
}

// endOf returns the end octet that follows a body frame's payload; an empty body has no frame.
func endOf(chunk []byte) []byte {
	if len(chunk) == 0 {
		return nil
	}
	return []byte{frameEnd}
}

// Receive implements publish.Channel.
func (c *publishChannel) Receive(ctx context.Context, into []publish.Event) ([]publish.Event, error) {
	for {
		if into, ok := c.take(into); ok {
			return into, nil
		}
		select {
		case <-c.said:
		case <-c.ended:
			if into, ok := c.take(into); ok {
				return into, nil
			}
			return into, io.EOF
		case <-ctx.Done():
			return into, ctx.Err()
		}
	}
}

func (c *publishChannel) take(into []publish.Event) ([]publish.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole == 0 {
		return into, false
	}
	into = append(into, c.events[:c.whole]...)
	c.events = slices.Delete(c.events, 0, c.whole)
	c.whole = 0
	return into, true
}

// Err implements publish.Channel.
func (c *publishChannel) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close implements publish.Channel.
func (c *publishChannel) Close() error {
	c.link.close()
	<-c.ended
	return nil
}
