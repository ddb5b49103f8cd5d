package pipelinetest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Open implements publish.Dialer.
func (b *Broker) Open(context.Context) (publish.Channel, error) {
	return &channel{b: b, wake: make(chan struct{}, 1)}, nil
}

// channel confirms a little later, in order, and loses its connection on purpose.
type channel struct {
	b      *Broker
	wake   chan struct{}
	seq    uint64
	events []publish.ChannelEvent
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
		c.events = append(c.events, publish.ChannelEvent{Kind: publish.EventReturned, Reason: "NO_ROUTE", Target: t,
			Message: m},
			publish.ChannelEvent{Kind: publish.EventConfirmed, Seq: c.seq})
	case b.chance(b.Nacked):
		c.events = append(c.events, publish.ChannelEvent{Kind: publish.EventNacked, Seq: c.seq})
	default:
		b.arrive(t, m)
		c.events = append(c.events, publish.ChannelEvent{Kind: publish.EventConfirmed, Seq: c.seq})
	}
	if cut { // some of the confirms were on their way
		c.gone = true
		c.events = c.events[:b.rng.IntN(len(c.events)+1)]
	}
	return c.seq, nil
}

func (c *channel) Receive(ctx context.Context, into []publish.ChannelEvent) ([]publish.ChannelEvent, error) {
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

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
