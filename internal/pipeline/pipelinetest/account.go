package pipelinetest

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Failer is the part of testing.TB that Account needs.
type Failer interface{ Fatalf(string, ...any) }

// Account checks that each of the first n messages is somewhere, and that no rule of the protocol
// was broken. It returns the number of duplicates: messages that are both in the queue and at the
// target, or more than once at the target.
func (b *Broker) Account(t Failer, n int) (duplicates int) {
	left := b.Left()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range n {
		id := fmt.Sprintf("id-%d", i)
		if left[id]+b.target[id] == 0 {
			t.Fatalf("%s is lost", id)
		}
		if left[id] > 1 {
			t.Fatalf("%s is in its queue %d times", id, left[id])
		}
		duplicates += left[id] + b.target[id] - 1
	}
	if b.faults != "" {
		t.Fatalf("%s", b.faults)
	}
	return duplicates
}

// Arrived returns how often each message id arrived at the target.
func (b *Broker) Arrived() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.target)
}

// Waiting returns how many messages are ready in the queue.
func (b *Broker) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ready)
}

// ReturnsOf returns how often the loss of a connection returned the message with the given id, and
// the highest such number of any other message.
func (b *Broker) ReturnsOf(id string) (its, others int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.ready {
		if q.m.MessageID == id {
			its = q.returns
		} else {
			others = max(others, q.returns)
		}
	}
	return its, others
}

// Cut cuts the connections of the source now.
func (b *Broker) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		if !s.gone {
			s.cut()
		}
	}
}

// Replace puts m in the place of every ready message in the queue.
func (b *Broker) Replace(m message.Message) {
	for _, q := range b.ready {
		q.m = m
	}
}

// DialOnce is a dialer that opens one channel, and none after that. The channel accepts no messages
// and ends a moment later.
type DialOnce struct {
	Broker *Broker
	opened bool
}

// Open implements publish.Dialer.
func (d *DialOnce) Open(context.Context) (publish.Channel, error) {
	if d.opened {
		return nil, publish.ErrLost
	}
	d.opened = true
	return lateChannel{&channel{b: d.Broker, wake: make(chan struct{}, 1), gone: true}}, nil
}

// lateChannel reports its end a moment later.
type lateChannel struct{ *channel }

func (c lateChannel) Receive(ctx context.Context, into []publish.ChannelEvent) ([]publish.ChannelEvent, error) {
	select {
	case <-ctx.Done():
		return into, ctx.Err()
	case <-time.After(50 * time.Millisecond):
	}
	return c.channel.Receive(ctx, into)
}

// Faults returns the rules of the protocol that were broken, or "".
func (b *Broker) Faults() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults
}
