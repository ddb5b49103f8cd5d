package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// subscription is a consumer of a Broker.
type subscription struct {
	b         *Broker
	prefetch  int
	tag       uint64
	unsettled map[uint64]*queued // as the queue sees it
	pipeline  []func()           // settlements under way, in order
	settled   map[uint64]bool
	gone      bool
	cancelled bool
}

func (s *subscription) deliver() (consume.Delivery, bool) {
	if s.gone || s.cancelled || len(s.unsettled) >= s.prefetch || len(s.b.ready) == 0 {
		return consume.Delivery{}, false
	}
	m := s.b.ready[0]
	s.b.ready = s.b.ready[1:]
	s.tag++
	s.unsettled[s.tag] = m
	if id := s.b.Poison; id != "" && m.m.MessageID == id {
		s.cut()
		return consume.Delivery{}, false
	}
	d := consume.Delivery{Message: m.m, Tag: s.tag}
	d.Redelivered = m.delivered
	m.delivered = true
	return d, true
}

// cut loses the connection: some prefix of the pipeline is applied, and the rest returns to the
// head of the queue, in order.
func (s *subscription) cut() {
	s.b.Cuts++
	for i, n := 0, s.b.rng.IntN(len(s.pipeline)+1); i < n; i++ {
		s.pipeline[i]()
	}
	s.requeue()
}

func (s *subscription) requeue() {
	s.gone, s.pipeline = true, nil
	var back []*queued
	for tag := uint64(1); tag <= s.tag; tag++ {
		if m, ok := s.unsettled[tag]; ok {
			m.returns++
			back = append(back, m)
			delete(s.unsettled, tag)
		}
	}
	s.b.ready = append(back, s.b.ready...)
}

func (s *subscription) TryNext() (consume.Delivery, bool) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.advance()
	return s.deliver()
}

// advance applies a few settlements, as if time had passed.
func (s *subscription) advance() {
	if b := s.b; b.CutAcked && b.Cuts == 0 && len(s.pipeline) > 0 {
		b.Cuts++
		unread := min(b.Unread, len(b.ready))
		before := b.ready[unread:]
		b.ready = b.ready[:unread]
		s.requeue()
		b.ready, b.late = before, b.ready
		return
	}
	for len(s.pipeline) > 0 && s.b.chance(0.5) {
		s.pipeline[0]()
		s.pipeline = s.pipeline[1:]
	}
	if !s.gone && s.b.chance(s.b.CutSource) {
		s.cut()
	}
}

func (s *subscription) Next(ctx context.Context) (consume.Delivery, error) {
	for {
		s.b.mu.Lock()
		s.advance()
		d, ok := s.deliver()
		gone, cancelled := s.gone, s.cancelled
		s.b.mu.Unlock()
		switch {
		case ok:
			return d, nil
		case gone:
			return consume.Delivery{}, fmt.Errorf("cut: %w", consume.ErrLost)
		case cancelled:
			return consume.Delivery{}, io.EOF
		}
		select {
		case <-ctx.Done():
			return consume.Delivery{}, ctx.Err()
		case <-time.After(100 * time.Microsecond):
		}
	}
}

func (s *subscription) settle(tag uint64, multiple bool, apply func(*queued)) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.gone {
		return consume.ErrLost
	}
	if s.settled == nil {
		s.settled = map[uint64]bool{}
	}
	if s.settled[tag] || tag == 0 || tag > s.tag {
		s.b.faults += fmt.Sprintf("settled %d again; ", tag)
	}
	from := tag
	if multiple {
		from = 1
	}
	for t := from; t <= tag; t++ {
		if s.settled[t] {
			continue
		}
		s.settled[t] = true
		s.pipeline = append(s.pipeline, func() {
			if m := s.unsettled[t]; m != nil {
				delete(s.unsettled, t)
				apply(m)
			}
		})
	}
	return nil
}

func (s *subscription) Ack(tag uint64, multiple bool) error {
	return s.settle(tag, multiple, func(*queued) {})
}

func (s *subscription) Nack(tag uint64, multiple, requeue bool) error {
	if !requeue {
		return errors.New("nothing is ever dropped")
	}
	var back []*queued
	return s.settle(tag, multiple, func(m *queued) {
		back = append(back, m)
		s.b.ready = append([]*queued{m}, s.b.ready...)
	})
}

// Reject puts a message at the end of the queue, as a queue with delayed retry does after a while,
// and counts the failure.
func (s *subscription) Reject(tag uint64, requeue bool) error {
	if !requeue {
		return errors.New("nothing is ever dropped")
	}
	return s.settle(tag, false, func(m *queued) {
		m.m.Headers = maps.Clone(m.m.Headers)
		count, _ := message.AsInt(m.m.Headers[message.HeaderDeliveryCount])
		m.m.Headers[message.HeaderDeliveryCount] = count + 1
		s.b.ready = append(s.b.ready, m)
	})
}

func (s *subscription) Cancel(context.Context) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.gone {
		return consume.ErrLost
	}
	s.cancelled = true
	return nil
}

func (s *subscription) Settled(context.Context) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if !s.gone && s.b.chance(s.b.CutSource*20) {
		s.cut()
	}
	if s.gone {
		return consume.ErrLost
	}
	for _, f := range s.pipeline {
		f()
	}
	s.pipeline = nil
	return nil
}

func (s *subscription) Close() error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if !s.gone {
		s.b.Closes++
		s.b.ReturnedByClose += len(s.unsettled)
		s.cut()
	}
	delete(s.b.subs, s)
	return nil
}
