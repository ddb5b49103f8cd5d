package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/consume"
)

// sharing is the state that the subscriptions on one connection share.
type sharing struct {
	mu    sync.Mutex
	users int
	probe *amqp091.Channel // for queries, since a refusal closes the channel
}

func (h *sharing) join() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == 0 {
		return false
	}
	h.users++
	return true
}

// leave reports whether other subscriptions still use the connection.
func (h *sharing) leave() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
	return h.users > 0
}

func (h *sharing) many() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.users > 1
}

// Share starts another consumer on its own channel, but on the connection of s. Holding messages
// then costs kilobytes instead of the buffers of a connection. Closing one subscription leaves the
// other open; a lost connection ends both. If the connection has no channel left (2,047 by default,
// one of them for queries), the new consumer gets its own connection. ctx does not cut a connection
// that others use: only the timeout of the options does.
func (s *subscription) Share(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	if err := checkConsume(o); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("consume from queue %q: %w", o.Queue, err)
	}
	if !s.shared.join() {
		return s.subscribeAlone(ctx, o)
	}
	sub := &subscription{opts: s.opts, vhost: s.vhost, queue: o.Queue, stream: o.Offset != nil, link: s.link,
		shared: s.shared}
	err := sub.start(ctx, o)
	if err == nil {
		return sub, nil
	}
	_ = sub.Close()
	switch {
	case errors.Is(err, amqp091.ErrChannelMax):
		return s.subscribeAlone(ctx, o)
	case s.link.conn.IsClosed():
		return nil, sub.lost(amqp091.ErrClosed)
	}
	return nil, sub.explain(ctx, err)
}

func (s *subscription) subscribeAlone(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	return (&source{opts: s.opts, vhost: s.vhost}).Subscribe(ctx, o)
}

// interruptible is the function of that name, except that the end of ctx does not cut a connection
// that others use.
func (s *subscription) interruptible(ctx context.Context, f func() error) error {
	if s.shared.many() {
		ctx = context.WithoutCancel(ctx)
	}
	return interruptible(ctx, s.opts, s.link, f)
}

// cancelTimeout is how long Close waits for the end of a stream's consumer.
const cancelTimeout = 2 * time.Second

// Close implements consume.Subscription. The consumer of a stream is cancelled first: the broker
// would go on counting it (fact stream-consumer-lingers). That of another queue is not, because a
// cancellation returns messages in transit before those in hand.
func (s *subscription) Close() error {
	s.mu.Lock()
	done, lingers := s.left, s.stream && s.tag != "" && !s.cancelled
	s.left, s.cancelled = true, s.cancelled || lingers
	s.mu.Unlock()
	if lingers {
		ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
		_ = s.interruptible(ctx, func() error { return s.ch.Cancel(s.tag, false) }) // closed either way
		cancel()
	}
	switch {
	case done:
	case !s.shared.leave():
		s.link.close()
	case s.ch != nil:
		_ = interruptible(context.Background(), s.opts, s.link, s.ch.Close) // closed either way
	}
	return nil
}
