package dlq

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

func quick() *timing {
	return &timing{
		idle: time.Millisecond, stall: time.Second, returning: 20 * time.Millisecond, grace: 2 * time.Second,
		delay: time.Millisecond, attempts: 5,
	}
}

// account checks that every id is somewhere, and returns how many are in both places or twice at
// the target.
func account(t interface{ Fatalf(string, ...any) }, b *memory, n int) (duplicates int) {
	left := b.left()
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

// Whatever is cut, whenever: nothing is lost, and what was confirmed is not sent twice.
func TestReplayLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "messages")
		b := newMemory(rapid.Uint64().Draw(t, "seed"), n)
		b.cutSource = rapid.SampledFrom([]float64{0, 0, 0.005, 0.02}).Draw(t, "cut source")
		b.cutTarget = rapid.SampledFrom([]float64{0, 0, 0.02, 0.2}).Draw(t, "cut target")
		b.unroutable = rapid.SampledFrom([]float64{0, 0, 0.1}).Draw(t, "unroutable")
		b.nack = rapid.SampledFrom([]float64{0, 0, 0.3}).Draw(t, "nack")
		every := rapid.SampledFrom([]int64{1, 1, 2, 7, 1000}).Draw(t, "every")
		o := ReplayOptions{
			From: From{Source: b, Counter: b, Queue: "dlq", Total: -1,
				Prefetch: rapid.SampledFrom([]int{5, 20, 100}).Draw(t, "prefetch")},
			Dialer: b, MaxReplays: -1, timing: quick(),
			Select: Selection{Where: func(m *message.Message) (bool, error) { return m.Headers["n"].(int64)%every == 0, nil }},
		}
		r, err := Replay(context.Background(), o)
		duplicates := account(t, b, n)
		if err != nil {
			return // given up: nothing may be lost even so
		}
		if int64(duplicates) > r.Resent {
			t.Fatalf("%d duplicates, and only %d were sent again", duplicates, r.Resent)
		}
		matching := (int64(n) + every - 1) / every
		if got := r.Done + r.Count(Reason.Failed); got != matching {
			t.Fatalf("%d of %d accounted for: %+v", got, matching, r)
		}
		if b.cutSource == 0 && b.cutTarget == 0 && r.Skipped != int64(n)-matching {
			t.Fatalf("%d skipped, want %d", r.Skipped, int64(n)-matching)
		}
	})
}

// A message that dies again at once comes back into the queue that is being replayed; it must not
// go round and round.
func TestReplayDoesNotReplayWhatDiesAgain(t *testing.T) {
	b := newMemory(1, 500)
	b.returns = true
	r, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 50}, Dialer: b, timing: quick(),
	})
	if err != nil || r.Done != 500 {
		t.Fatalf("%+v, %v; want 500 replayed", r, err)
	}
	for id, times := range b.target {
		if times != 1 {
			t.Fatalf("%s was replayed %d times", id, times)
		}
	}
}

// twins are byte for byte the same, so nothing tells them apart when a connection breaks: each must
// arrive all the same.
func TestReplayCountsTwins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(t, "messages")
		b := newMemory(rapid.Uint64().Draw(t, "seed"), n)
		twin := deadMessage(0)
		if rapid.Bool().Draw(t, "without id") {
			twin.MessageID = ""
		}
		for _, m := range b.ready {
			m.m = twin
		}
		b.cutSource = 0.03
		_, err := Replay(context.Background(), ReplayOptions{
			From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 10}, Dialer: b, timing: quick(),
		})
		if got := b.left()[twin.MessageID] + b.target[twin.MessageID]; got < n {
			t.Fatalf("%d of %d twins are left (%v)", got, n, err)
		}
	})
}

func TestReplayStopsAtTheLimit(t *testing.T) {
	b := newMemory(1, 200)
	r, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, Limit: 30, timing: quick(),
	})
	if err != nil || r.Done != 30 || len(b.ready) != 170 || account(t, b, 200) != 0 {
		t.Fatalf("%+v, %v, %d left; want 30 replayed and 170 left", r, err, len(b.ready))
	}
}

// TestReplayTakesOutWhatComesBackLate: a message whose acknowledgement was lost is counted as done,
// and all others may be before it is back.
func TestReplayTakesOutWhatComesBackLate(t *testing.T) {
	b := newMemory(3, 20)
	b.cutAcked = true
	r, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: 20, Prefetch: 1}, Dialer: b, timing: quick(),
	})
	if err != nil || r.Done != 20 || b.cuts == 0 || len(b.left()) != 0 || account(t, b, 20) != 0 {
		t.Fatalf("%+v, %v, cut %d times; left: %v", r, err, b.cuts, b.left())
	}
}

func TestReplayInterruptedSettlesWhatIsInFlight(t *testing.T) {
	b := newMemory(7, 5000)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	r, err := Replay(ctx, ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 100}, Dialer: b, timing: quick(),
	})
	if err != nil || !r.Interrupted {
		t.Fatalf("%+v, %v; want an interrupted result", r, err)
	}
	if d := account(t, b, 5000); d != 0 {
		t.Fatalf("%d duplicates after an orderly interruption", d)
	}
	if r.Done == 0 || r.Done == 5000 || int64(len(b.target)) != r.Done {
		t.Fatalf("%d done, %d arrived", r.Done, len(b.target))
	}
}

func TestRampStopsWhenMessagesComeBack(t *testing.T) {
	b := newMemory(1, 500)
	b.returns = true
	r, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, timing: quick(),
		Ramp: Ramp{Stages: []int64{1, 10}, Settle: time.Millisecond, AbortIfReturned: 5},
	})
	if err != nil || r.Aborted == "" || r.Done != 1 {
		t.Fatalf("%+v, %v; want it given up after the first message", r, err)
	}
	b = newMemory(1, 500)
	r, err = Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, timing: quick(),
		Ramp: Ramp{Stages: []int64{1, 10, 100}, Settle: time.Millisecond, AbortIfReturned: 5},
	})
	if err != nil || r.Aborted != "" || r.Done != 500 || account(t, b, 500) != 0 {
		t.Fatalf("%+v, %v; want all replayed", r, err)
	}
}

// A publisher that gives up has told so when everything was handed to it before, and nothing is
// left to be refused.
func TestReplayFailsWhenThePublisherGivesUp(t *testing.T) {
	b := newMemory(1, 20)
	_, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 50}, Dialer: &dialOnce{b: b}, timing: quick(),
	})
	if !errors.Is(err, publish.ErrLost) {
		t.Fatalf("%v; want an error that wraps ErrLost", err)
	}
	if account(t, b, 20) != 0 || len(b.ready) != 20 {
		t.Fatalf("%d of 20 are left", len(b.ready))
	}
}

// A connection that breaks whenever the work is being finished: what stays is not counted, and that
// is no success.
func TestReplayFailsWhenItCannotFinish(t *testing.T) {
	b := newMemory(1, 5)
	b.cutSource, b.nack = 0.05, 1 // twenty times as likely at the end
	_, err := Replay(context.Background(), ReplayOptions{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 50}, Dialer: b, timing: quick(),
	})
	if !errors.Is(err, consume.ErrLost) {
		t.Fatalf("%v; want an error that wraps ErrLost", err)
	}
	if account(t, b, 5) != 0 || len(b.left()) != 5 {
		t.Fatalf("%v are left", b.left())
	}
}

func TestPrefetchOf(t *testing.T) {
	for _, c := range []struct {
		queueType string
		mean      int64
		want      int
	}{
		{topology.Classic, 256, 2500}, {topology.Quorum, 256, 1000}, {"", 256, 2500},
		{topology.Classic, 1 << 20, 16}, {topology.Quorum, 1 << 20, 16}, {topology.Quorum, 1 << 40, 2}, {topology.Classic, 0,
			1000},
	} {
		if got := prefetchOf(c.queueType, c.mean); got != c.want {
			t.Errorf("of messages of %d bytes in a queue of type %q: %d, want %d", c.mean, c.queueType, got, c.want)
		}
	}
}

// dialOnce opens one channel that takes nothing for a moment and is gone then; there is no other.
type dialOnce struct {
	b      *memory
	opened bool
}

func (d *dialOnce) Open(context.Context) (publish.Channel, error) {
	if d.opened {
		return nil, publish.ErrLost
	}
	d.opened = true
	c := &memChannel{b: d.b, wake: make(chan struct{}, 1), gone: true}
	return lateChannel{c}, nil
}

// lateChannel tells of its end a moment later.
type lateChannel struct{ *memChannel }

func (c lateChannel) Receive(ctx context.Context, into []publish.Event) ([]publish.Event, error) {
	select {
	case <-ctx.Done():
		return into, ctx.Err()
	case <-time.After(50 * time.Millisecond):
	}
	return c.memChannel.Receive(ctx, into)
}
