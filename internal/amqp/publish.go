package amqp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/wire"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Dialer returns a dialer of channels that publish to a vhost. Each channel has its own connection.
func (c *Client) Dialer(vhost string) publish.Dialer {
	return &publisherDialer{opts: c.opts, vhost: vhost}
}

type publisherDialer struct {
	opts  Options
	vhost string
}

// Open implements publish.Dialer.
func (d *publisherDialer) Open(ctx context.Context) (publish.Channel, error) {
	o := d.opts
	o.wrap = func(conn net.Conn) net.Conn { return wire.Coalesce(conn) }
	l, err := dial(ctx, o, d.vhost)
	if err != nil {
		return nil, err
	}
	c := &publishChannel{opts: d.opts, vhost: d.vhost, link: l}
	if err := interruptible(ctx, d.opts, l, c.start); err != nil {
		l.close()
		return nil, explain(ctx, refusal.Operation{Op: "open a channel to publish", User: d.opts.User}, err)
	}
	return c, nil
}

// publishChannel is the only channel of its connection, in confirm mode.
type publishChannel struct {
	opts  Options
	vhost string
	link  *Link
	ch    *amqp091.Channel
	told  *listener
}

var _ publish.Channel = (*publishChannel)(nil)

func (c *publishChannel) start() (err error) {
	if c.ch, err = c.link.conn.Channel(); err != nil {
		return err
	}
	c.told = newListener(c.ch, c.link.conn)
	guarded.Go(c.told.listen)
	return c.ch.Confirm(false)
}

// Publish implements publish.Channel.
func (c *publishChannel) Publish(ctx context.Context, t publish.Target, m *message.Message) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	p, err := publishing(t, m, c.link.conn.Config.FrameSize)
	if err != nil {
		return 0, err
	}
	confirm, err := c.ch.PublishWithDeferredConfirm(t.Exchange, t.Key, true, false, p)
	if err != nil {
		return 0, fmt.Errorf("publish to %s: %w", t, errors.Join(publish.ErrLost, err))
	}
	c.told.add(confirm)
	return confirm.DeliveryTag, nil
}

// Receive implements publish.Channel.
func (c *publishChannel) Receive(ctx context.Context, into []publish.ChannelEvent) ([]publish.ChannelEvent, error) {
	for {
		if into, ok := c.told.take(into); ok {
			return into, nil
		}
		select {
		case <-c.told.said:
		case <-c.told.over:
			if into, ok := c.told.take(into); ok {
				return into, nil
			}
			return into, io.EOF
		case <-ctx.Done():
			return into, ctx.Err()
		}
	}
}

// Err implements publish.Channel.
func (c *publishChannel) Err() error {
	select {
	case <-c.told.over:
		return c.endedBy(c.told.reason)
	default:
		return nil
	}
}

// Close implements publish.Channel.
func (c *publishChannel) Close() error {
	c.link.close()
	<-c.told.over
	return nil
}
