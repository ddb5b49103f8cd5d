package amqp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
)

// subscription is a consumer on its own channel. It may share its connection with other
// subscriptions.
type subscription struct {
	opts     Options
	vhost    string
	queue    string
	tag      string
	prefetch int
	stream   bool

	link    *Link
	shared  *sharing
	ch      *amqp091.Channel
	closed  chan *amqp091.Error // why the channel ended
	dropped chan string         // the broker cancelled the consumer
	// deliveries is closed after the last delivery. The library buffers deliveries up to the
	// prefetch.
	deliveries <-chan amqp091.Delivery

	unsettled unsettled
	// ending serializes Cancel and Settled, which any goroutine may call.
	ending    sync.Mutex
	consumers int // on the queue, ours included, before Cancel

	mu        sync.Mutex
	cancelled bool  // by us
	left      bool  // closed
	end       error // why there are no more deliveries, once that is known
}

var _ consume.Subscription = (*subscription)(nil)

// Next implements consume.Subscription.
func (s *subscription) Next(ctx context.Context) (consume.Delivery, error) {
	if d, ok := s.TryNext(); ok { // a delivery that is here is returned even if ctx has ended
		return d, nil
	}
	select {
	case d, ok := <-s.deliveries:
		return s.receive(&d, ok)
	case <-ctx.Done():
		return consume.Delivery{}, ctx.Err()
	}
}

// TryNext implements consume.Subscription. The library hands deliveries over one by one, so TryNext
// may miss one that the library still buffers; Next returns it.
func (s *subscription) TryNext() (consume.Delivery, bool) {
	select {
	case d, ok := <-s.deliveries:
		got, err := s.receive(&d, ok)
		return got, err == nil
	default:
		return consume.Delivery{}, false
	}
}

// receive records a delivery or, if ok is false, the end. The library delivers what arrived before
// a consumer ended. It drops what arrived before a channel was lost: those messages can no longer
// be settled.
func (s *subscription) receive(d *amqp091.Delivery, ok bool) (consume.Delivery, error) {
	if !ok {
		s.unsettled.drain()
		return consume.Delivery{}, s.ended()
	}
	s.unsettled.hand(d.DeliveryTag)
	return delivered(d, s.queue), nil
}

// ended returns why the library closed deliveries. The library sends the reason before it closes
// them.
func (s *subscription) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return s.end
	}
	if x := reason(s.closed); x != nil {
		s.end = s.lost(x)
	} else if tag := reason(s.dropped); tag != "" {
		s.end = &refusal.Error{Op: fmt.Sprintf("consume from queue %q", s.queue), Sentinel: consume.ErrCancelled,
			Text: "the broker ended the consumer: the queue was deleted, or lost its leader"}
	}
	switch {
	case s.end != nil:
	case s.cancelled:
		s.end = io.EOF
	default:
		s.end = s.lost(amqp091.ErrClosed)
	}
	return s.end
}

// reason returns the value that the library sent to a channel before closing it, or the zero value.
func reason[T any](ch <-chan T) (v T) {
	select {
	case v = <-ch:
	default:
	}
	return v
}

// lost returns an error that wraps consume.ErrLost.
func (s *subscription) lost(x *amqp091.Error) error {
	text, kind := s.link.broken(x)
	switch {
	case text != "":
	case x == amqp091.ErrClosed:
		text = "the subscription is closed"
	case x.Server && strings.Contains(x.Reason, "timeout"): // consumer_timeout, 30 minutes by default
		text = "the broker closed the channel because a message stayed unacknowledged for longer than its " +
			"consumer_timeout; what was not settled is back in the queue"
	case x.Server:
		text = s.explain(context.Background(), x).Error()
	default:
		text = "the connection was lost"
	}
	return &refusal.Error{Op: fmt.Sprintf("consume from queue %q", s.queue),
		Text:     strings.TrimPrefix(text, fmt.Sprintf("consume from queue %q: ", s.queue)),
		Sentinel: consume.ErrLost, Cause: errors.Join(kind, x)}
}

// unreadable reports whether a connection ended because the library could not read the data on it.
func unreadable(x *amqp091.Error) bool {
	if x.Server {
		return false
	}
	for _, known := range []*amqp091.Error{amqp091.ErrSyntax, amqp091.ErrFrame, amqp091.ErrFrameTooLarge,
		amqp091.ErrCommandInvalid, amqp091.ErrUnexpectedFrame, amqp091.ErrFieldType} {
		if strings.Contains(x.Reason, known.Reason) { // the library makes a new error of it
			return true
		}
	}
	return false
}

// Ack implements consume.Subscription.
func (s *subscription) Ack(tag uint64, multiple bool) error {
	return s.settle(tag, multiple, func() error { return s.ch.Ack(tag, multiple) })
}

// Nack implements consume.Subscription.
func (s *subscription) Nack(tag uint64, multiple, requeue bool) error {
	return s.settle(tag, multiple, func() error { return s.ch.Nack(tag, multiple, requeue) })
}

// Reject returns the message to the queue or, with requeue false, dead-letters or drops it. A
// reject tells a quorum queue that the delivery failed, a nack with requeue that it was returned
// (fact delayed-retry-failed).
func (s *subscription) Reject(tag uint64, requeue bool) error {
	return s.settle(tag, false, func() error { return s.ch.Reject(tag, requeue) })
}

// settle returns an error for a tag that was never handed out or is already settled: the broker
// would close the channel. Otherwise it calls send.
func (s *subscription) settle(tag uint64, multiple bool, send func() error) error {
	if err := s.unsettled.settle(tag, multiple); err != nil {
		return fmt.Errorf("settle a message of queue %q: %w", s.queue, err)
	}
	if err := send(); err != nil {
		return s.gone(err)
	}
	return nil
}

// gone wraps an error of the library in consume.ErrLost.
func (s *subscription) gone(err error) error {
	var x *amqp091.Error
	if !errors.As(err, &x) {
		x = &amqp091.Error{Reason: err.Error()}
	}
	if errors.Is(x, amqp091.ErrClosed) && !s.link.conn.IsClosed() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.end != nil && !errors.Is(s.end, io.EOF) {
			return s.end
		}
	}
	return s.lost(x)
}

// Cancel implements consume.Subscription.
func (s *subscription) Cancel(ctx context.Context) error {
	s.ending.Lock()
	defer s.ending.Unlock()
	return s.cancel(ctx)
}

func (s *subscription) cancel(ctx context.Context) error {
	s.mu.Lock()
	done := s.cancelled
	s.cancelled = true
	s.mu.Unlock()
	if done {
		return nil
	}
	if q, ok := s.count(ctx); ok {
		s.consumers = max(q.Consumers, 1)
	}
	if err := s.interruptible(ctx, func() error { return s.ch.Cancel(s.tag, false) }); err != nil {
		return s.gone(err)
	}
	return nil
}
