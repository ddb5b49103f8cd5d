// Package pipelinetest provides Broker, a broker that misbehaves on purpose, for the property tests
// of everything that moves messages. Hitting the right moment with a real broker would take hours.
// Other tests cover the behavior of real brokers.
package pipelinetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Broker has one queue and one target. It cuts connections between any two steps, applies any
// prefix of the acknowledgements sent before a cut, and lets messages arrive whose confirms are
// lost. It is a consume.Source, a publish.Dialer and a pipeline.Counter.
type Broker struct {
	mu     sync.Mutex
	rng    *rand.Rand
	ready  []*queued
	subs   map[*subscription]bool
	target map[string]int // confirmed or not, what arrived
	faults string         // broken rules

	// CutSource and CutTarget are the probabilities, for each delivery or publication, that the
	// connection is lost. Unroutable and Nacked are the probabilities of these outcomes.
	CutSource, CutTarget, Unroutable, Nacked float64
	// Cuts is how often the source's connection was lost. Closes is how many of these losses the
	// client caused by closing, and ReturnedByClose how many messages they returned: a close counts
	// against a delivery limit, a nack need not.
	Cuts, Closes, ReturnedByClose int
	// Returns makes each replayed message die again at once.
	Returns bool
	// Target is where messages must be sent; the zero value allows any target.
	Target publish.Target
	// Wait is a wait queue: a message sent to it is at once at the end of the queue again.
	Wait publish.Target
	// CutAcked loses the connection once, when an acknowledgement was sent and is not applied. The
	// unsettled messages come back only when the client asks for the number of ready messages and
	// there are no others.
	CutAcked bool
	// Unread is the number of messages that the broker had sent and the client had not read when it
	// lost that connection. The unsettled messages then come back only after a few questions.
	Unread int
	// Poison is the id of a message that ends the connection whenever it is delivered.
	Poison    string
	late      []*queued
	questions int // asked while nothing but late was left
}

type queued struct {
	m         message.Message
	delivered bool
	returns   int // by the loss of a connection: a quorum queue counts them
}

// New returns a broker with n messages from DeadMessage in its queue. seed is the seed of its
// random decisions.
func New(seed uint64, n int) *Broker {
	b := &Broker{rng: rand.New(rand.NewPCG(seed, 1)), subs: map[*subscription]bool{}, target: map[string]int{},
		Target: publish.Target{Key: "work"}}
	for i := range n {
		b.ready = append(b.ready, &queued{m: DeadMessage(i)})
	}
	return b
}

// DeadMessage returns a message with the id id-i that died in the queue work.
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
	for s := range b.subs { // time passes
		for len(s.pipeline) > 0 && !s.gone && b.chance(0.9) {
			s.pipeline[0]()
			s.pipeline = s.pipeline[1:]
		}
	}
	return int64(len(b.ready)), nil
}

// Left returns how often each message id is in the queue, including delivered and unsettled
// messages.
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

func (b *Broker) arrive(t publish.Target, m *message.Message) {
	if b.Wait != (publish.Target{}) && t == b.Wait {
		b.ready = append(b.ready, &queued{m: *m})
		return
	}
	if b.Target != (publish.Target{}) && t != b.Target {
		b.faults += "sent to " + t.Exchange + "/" + t.Key + "; "
	}
	if b.Returns {
		b.ready = append(b.ready, &queued{m: *m})
	}
	b.target[m.MessageID]++
}
