package browse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// Rescuing returns a source that loses no message to a delivery limit. Instead of returning a
// message that would not survive it, it publishes a confirmed copy at the end of the queue with
// keep and acknowledges the original. It cannot rescue messages that a lost connection or a killed
// process returns. rescued is called with each such message, from any goroutine; it may be nil.
func Rescuing(src consume.Source, room Room, keep func(context.Context, *message.Message) error,
	rescued func(*message.Message)) consume.Source {
	return &rescuer{src, room, keep, rescued}
}

type rescuer struct {
	consume.Source
	room    Room
	keep    func(context.Context, *message.Message) error
	rescued func(*message.Message)
}

// Subscribe implements consume.Source.
func (r *rescuer) Subscribe(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	sub, err := r.Source.Subscribe(ctx, o)
	if err != nil {
		return nil, err
	}
	return &rescueSubscription{Subscription: sub, r: r, open: map[uint64]*message.Message{}}, nil
}

// rescueSubscription tracks the unsettled deliveries and which of them must not be returned.
type rescueSubscription struct {
	consume.Subscription
	r *rescuer

	mu        sync.Mutex
	open      map[uint64]*message.Message // by tag; nil for messages that survive a return
	lowest    uint64                      // all lower tags are settled
	overLimit int                         // entries that are not nil
}

// Next implements consume.Subscription.
func (s *rescueSubscription) Next(ctx context.Context) (consume.Delivery, error) {
	d, err := s.Subscription.Next(ctx)
	if err == nil {
		s.note(&d)
	}
	return d, err
}

// TryNext implements consume.Subscription.
func (s *rescueSubscription) TryNext() (consume.Delivery, bool) {
	d, ok := s.Subscription.TryNext()
	if ok {
		s.note(&d)
	}
	return d, ok
}

func (s *rescueSubscription) note(d *consume.Delivery) {
	count, _ := message.AsInt(d.Headers[message.HeaderDeliveryCount])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[d.Tag] = nil
	if !s.r.room.Survives(count) {
		m := d.Message
		s.open[d.Tag] = &m
		s.overLimit++
	}
}

// Ack implements consume.Subscription.
func (s *rescueSubscription) Ack(tag uint64, multiple bool) error {
	err := s.Subscription.Ack(tag, multiple)
	if err == nil {
		s.settle(tag, multiple)
	}
	return err
}

func (s *rescueSubscription) settle(tag uint64, multiple bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !multiple {
		s.forget(tag)
		return
	}
	for ; s.lowest <= tag; s.lowest++ {
		s.forget(s.lowest)
	}
}

func (s *rescueSubscription) forget(tag uint64) {
	if s.open[tag] != nil {
		s.overLimit--
	}
	delete(s.open, tag)
}

// Nack implements consume.Subscription.
func (s *rescueSubscription) Nack(tag uint64, multiple, requeue bool) error {
	if !requeue {
		err := s.Subscription.Nack(tag, multiple, requeue)
		if err == nil {
			s.settle(tag, multiple)
		}
		return err
	}
	lost := s.rescue(tag, multiple)
	last, ok := s.last(tag, multiple)
	if !ok {
		return lost
	}
	err := s.Subscription.Nack(last, multiple, requeue)
	if err == nil {
		s.settle(last, multiple)
	}
	return errors.Join(lost, err)
}

// last returns the largest unsettled tag that returning tag affects.
func (s *rescueSubscription) last(tag uint64, multiple bool) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !multiple {
		_, ok := s.open[tag]
		return tag, ok
	}
	best, ok := uint64(0), false
	for t := range s.open {
		if t <= tag && t >= best {
			best, ok = t, true
		}
	}
	return best, ok
}

// rescueTimeout limits how long publishing the copies may take.
const rescueTimeout = 30 * time.Second

// rescue publishes copies of the messages that must not be returned, for all tags up to tag or for
// tag alone, and acknowledges the originals.
func (s *rescueSubscription) rescue(tag uint64, multiple bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), rescueTimeout)
	defer cancel()
	var errs []error
	for t, m := range s.endangered(tag, multiple) {
		if err := s.r.keep(ctx, m); err != nil {
			errs = append(errs, fmt.Errorf("message %q has reached the delivery limit, is dropped or dead-lettered by the "+
				"broker, and no copy could be kept: %w", m.MessageID, err))
			continue
		}
		if err := s.Ack(t, false); err != nil {
			errs = append(errs, err)
			continue
		}
		if s.r.rescued != nil {
			s.r.rescued(m)
		}
	}
	return errors.Join(errs...)
}

func (s *rescueSubscription) endangered(tag uint64, multiple bool) map[uint64]*message.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overLimit == 0 {
		return nil
	}
	found := map[uint64]*message.Message{}
	for t, m := range s.open {
		if m != nil && (t == tag || multiple && t <= tag) {
			found[t] = m
		}
	}
	return found
}

// Close implements consume.Subscription. Closing returns unsettled messages, so those that must not
// be returned are rescued first.
func (s *rescueSubscription) Close() error {
	lost := s.rescue(^uint64(0), true)
	return errors.Join(lost, s.Subscription.Close())
}
