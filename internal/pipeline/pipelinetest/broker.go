// Package pipelinetest has a broker in Broker that misbehaves on purpose, for the property tests of
// what moves messages. A real broker would take hours to be hit at the right moment. What real
// brokers do is tested against real brokers.
package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Broker has one queue and one target. It cuts connections between any two steps, applies any
// prefix of the acknowledgements sent before a cut, and lets messages arrive whose confirmation is
// lost. It is a consume.Source, a publish.Dialer and a pipeline.Counter.
type Broker struct {
	mu     sync.Mutex
	rng    *rand.Rand
	ready  []*queued
	subs   map[*subscription]bool
	target map[string]int // confirmed or not, what arrived
	faults string         // broken rules

	// CutSource and CutTarget are the probabilities that a connection is lost, per delivery or
	// publication; Unroutable and Nacked those of such outcomes.
	CutSource, CutTarget, Unroutable, Nacked float64
	// Cuts is how often the source's connection was lost.
	Cuts int
	// Returns says that what is replayed dies again at once.
	Returns bool
	// Target is where messages have to be sent to; the zero value is any.
	Target publish.Target
	// CutAcked loses the connection once, when an acknowledgement is under way and not applied;
	// what it held comes back only when somebody asks how many messages there are, and there are no
	// others.
	CutAcked bool
	// Unread is how many messages that loss takes along which the broker had sent and nobody has
	// read. What it held then comes back only after a few questions.
	Unread    int
	late      []*queued
	questions int // asked while nothing but late was left
}

type queued struct {
	m         message.Message
	delivered bool
}

// New returns a broker with so many messages from DeadMessage in its queue.
func New(seed uint64, n int) *Broker {
	b := &Broker{rng: rand.New(rand.NewPCG(seed, 1)), subs: map[*subscription]bool{}, target: map[string]int{},
		Target: publish.Target{Key: "work"}}
	for i := range n {
		b.ready = append(b.ready, &queued{m: DeadMessage(i)})
	}
	return b
}

// DeadMessage returns the message with the id id-i, which died in the queue work.
func DeadMessage(i int) message.Message {
	id := fmt.Sprintf("id-%d", i)
	return message.Message{
		Properties: message.Properties{MessageID: id},
		Headers: message.Table{
			"n": int64(i),
			message.HeaderDeath: []any{message.Table{
				"queue": "work", "reason": "rejected", "exchange": "orders", "routing-keys": []any{"created"},
				"count": int64(1), "time": time.Unix(1700000000, 0),
			}},
			message.HeaderFirstDeathQueue: "work", message.HeaderFirstDeathReason: "rejected",
			message.HeaderFirstDeathExchange: "orders",
		},
		Queue: "dlq", Body: []byte(id),
	}
}

func (b *Broker) chance(p float64) bool { return p > 0 && b.rng.Float64() < p }

// Ready implements pipeline.Counter.
func (b *Broker) Ready(context.Context, string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		if b.questions++; b.Unread == 0 || b.questions > 10 {
			b.ready, b.late = b.late, nil
		}
	}
	for s := range b.subs { // time goes by
		for len(s.pipeline) > 0 && !s.gone && b.chance(0.9) {
			s.pipeline[0]()
			s.pipeline = s.pipeline[1:]
		}
	}
	return int64(len(b.ready)), nil
}

// Left returns how often each message id is in the queue, delivered and unsettled ones included.
func (b *Broker) Left() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]int{}
	for _, m := range slices.Concat(b.ready, b.late) {
		out[m.m.MessageID]++
	}
	for s := range b.subs {
		for _, d := range s.unsettled {
			out[d.m.MessageID]++
		}
	}
	return out
}

// Subscribe implements consume.Source.
func (b *Broker) Subscribe(_ context.Context, o consume.Options) (consume.Subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &subscription{b: b, prefetch: o.Prefetch, unsettled: map[uint64]*queued{}}
	b.subs[s] = true
	return s, nil
}

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
	d := consume.Delivery{Message: m.m, Tag: s.tag}
	d.Redelivered = m.delivered
	m.delivered = true
	return d, true
}

// cut loses the connection: some prefix of what is in the pipeline was applied, the rest returns to
// the head, in order.
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

// advance applies a few settlements, as time goes by.
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
		s.cut()
	}
	delete(s.b.subs, s)
	return nil
}

// Open implements publish.Dialer.
func (b *Broker) Open(context.Context) (publish.Channel, error) {
	return &channel{b: b, wake: make(chan struct{}, 1)}, nil
}

// channel confirms a little later, in order, and loses its connection on purpose.
type channel struct {
	b      *Broker
	wake   chan struct{}
	seq    uint64
	events []publish.Event
	gone   bool
}

func (c *channel) Publish(_ context.Context, t publish.Target, m *message.Message) (uint64, error) {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	defer signal(c.wake)
	if c.gone {
		return 0, fmt.Errorf("cut: %w", publish.ErrLost)
	}
	c.seq++
	cut := b.chance(b.CutTarget)
	switch {
	case cut && b.chance(0.5): // before it arrived
	case b.chance(b.Unroutable):
		c.events = append(c.events, publish.Event{Kind: publish.EventReturned, Reason: "NO_ROUTE", Target: t, Message: m},
			publish.Event{Kind: publish.EventConfirmed, Seq: c.seq})
	case b.chance(b.Nacked):
		c.events = append(c.events, publish.Event{Kind: publish.EventNacked, Seq: c.seq})
	default:
		b.arrive(t, m)
		c.events = append(c.events, publish.Event{Kind: publish.EventConfirmed, Seq: c.seq})
	}
	if cut { // some of the confirms were on their way
		c.gone = true
		c.events = c.events[:b.rng.IntN(len(c.events)+1)]
	}
	return c.seq, nil
}

func (c *channel) Receive(ctx context.Context, into []publish.Event) ([]publish.Event, error) {
	for {
		c.b.mu.Lock()
		n := len(c.events)
		if n > 0 && !c.gone && c.b.chance(0.5) {
			n = c.b.rng.IntN(n) + 1
		}
		into = append(into, c.events[:n]...)
		c.events = c.events[n:]
		gone := c.gone && len(c.events) == 0
		c.b.mu.Unlock()
		switch {
		case n > 0:
			return into, nil
		case gone:
			return into, io.EOF
		}
		select {
		case <-ctx.Done():
			return into, ctx.Err()
		case <-c.wake:
		case <-time.After(time.Millisecond):
		}
	}
}

func (c *channel) Err() error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.gone {
		return publish.ErrLost
	}
	return nil
}

func (c *channel) Close() error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.gone = true
	signal(c.wake)
	return nil
}

func (b *Broker) arrive(t publish.Target, m *message.Message) {
	if b.Target != (publish.Target{}) && t != b.Target {
		b.faults += "sent to " + t.Exchange + "/" + t.Key + "; "
	}
	if b.Returns {
		b.ready = append(b.ready, &queued{m: *m})
	}
	b.target[m.MessageID]++
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
