package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

func TestMain(m *testing.M) {
	// The clock of regexp2 ends when no pattern was judged for a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

// script is a subscription that hands out what it is given: a real one would have to be slow or break at a
// given message.
type script struct {
	consume.Subscription
	messages chan message.Message
	lost     chan error
	depths   []int64 // what Waiting says; the last again and again

	mu     sync.Mutex
	looks  int
	tag    uint64
	acked  uint64
	closed bool
}

func (s *script) Next(ctx context.Context) (consume.Delivery, error) {
	select {
	case m := <-s.messages:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tag++
		return consume.Delivery{Message: m, Tag: s.tag}, nil
	default:
	}
	select {
	case m := <-s.messages:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tag++
		return consume.Delivery{Message: m, Tag: s.tag}, nil
	case err := <-s.lost:
		return consume.Delivery{}, err
	case <-ctx.Done():
		return consume.Delivery{}, ctx.Err()
	}
}

func (s *script) Ack(tag uint64, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tag <= s.acked || tag > s.tag {
		return fmt.Errorf("tag %d after %d of %d", tag, s.acked, s.tag)
	}
	s.acked = tag
	return nil
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *script) Waiting(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.depths) == 0 {
		return 0, nil
	}
	s.looks++
	return s.depths[min(s.looks, len(s.depths))-1], nil
}

func (s *script) Purge(ctx context.Context) (int64, error) {
	n, err := s.Waiting(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.depths = nil
	return n, err
}

func newScript(n int) *script {
	s := &script{messages: make(chan message.Message, n), lost: make(chan error, 1)}
	for i := range n {
		s.messages <- numbered(i)
	}
	return s
}

func numbered(i int) message.Message {
	return message.Message{Body: make([]byte, 1000), Properties: message.Properties{MessageID: fmt.Sprint(i)},
		Headers: message.Table{"x-stream-offset": int64(i)}}
}

// opens returns an Options.Open that returns s each time.
func opens(s Subscription) func(context.Context, int64) (Subscription, error) {
	return func(context.Context, int64) (Subscription, error) { return s, nil }
}

func start(t *testing.T, o Options) *Tail {
	t.Helper()
	o.ReconnectDelay = time.Millisecond
	tail, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tail.Stop)
	return tail
}

// TestSlowReaderIsCountedNotWaitedFor: what a reader that does not move misses is counted, in its
// place, and the subscription is emptied meanwhile.
func TestSlowReaderIsCountedNotWaitedFor(t *testing.T) {
	const total = 5000
	subscription := newScript(total)
	tail := start(t, Options{Open: opens(subscription), Buffer: 100 << 10})
	for deadline := time.Now().Add(time.Minute); tail.Stats().Seen < total; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a reader that does not move holds up the subscription: %+v", tail.Stats())
		}
	}
	if st := tail.Stats(); st.Dropped == 0 || st.Bytes != total*1000 {
		t.Fatalf("%+v", st)
	}
	var got, missed int64
	var items []Item
	take := func() {
		var err error
		if items, err = tail.Take(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			got++
			missed += i.Dropped
		}
	}
	take()
	subscription.messages <- numbered(total) // what was dropped is told with the next that comes
	take()
	st := tail.Stats()
	if got+st.Dropped != total+1 || missed != st.Dropped {
		t.Errorf("%d read, %d told as missing, of %+v", got, missed, st)
	}
	if got > 200 {
		t.Errorf("a buffer of 100 KiB held %d messages", got)
	}
}

// TestMovingReaderMissesNothing: as long as the reader moves and the private queue is not full,
// everything waits for it.
func TestMovingReaderMissesNothing(t *testing.T) {
	synctest.Test(t, movingReaderMissesNothing) // a reader that pauses for a second would count as one that does not move
}

func movingReaderMissesNothing(t *testing.T) {
	const total = 3000
	subscription := newScript(total)
	tail := start(t, Options{Open: opens(subscription), Buffer: 50 << 10})
	var items []Item
	for n := 0; n < total; {
		var err error
		if items, err = tail.Take(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i.Message.MessageID != fmt.Sprint(n) || i.Dropped != 0 {
				t.Fatalf("message %d is %s, %d dropped before", n, i.Message.MessageID, i.Dropped)
			}
			n++
		}
		time.Sleep(100 * time.Microsecond)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		subscription.mu.Lock()
		acked := subscription.acked
		subscription.mu.Unlock()
		if acked == total {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d are acknowledged", acked, total)
		}
	}
}

// TestDeepQueueIsPurged: a private queue that stays half full is purged, lest the broker drop what
// nobody counts. What was purged is counted and told with the next message.
func TestDeepQueueIsPurged(t *testing.T) {
	subscription := newScript(1)
	subscription.depths = []int64{QueueMessages/2 + 1, QueueMessages/2 + 2, 123_456} // two looks, and what is purged
	tail := start(t, Options{Open: func(context.Context, int64) (Subscription, error) { return subscription, nil }})
	for deadline := time.Now().Add(time.Minute); tail.Stats().Dropped == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was purged: %+v", tail.Stats())
		}
	}
	subscription.messages <- numbered(1)
	var missed int64
	for n := 0; n < 2; {
		items, err := tail.Take(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			n++
			missed += i.Dropped
		}
	}
	if st := tail.Stats(); missed != 123_456 || st.Dropped != 123_456 || st.Seen != 123_458 || st.Overflowed {
		t.Errorf("%d told as missing, %+v", missed, st)
	}
}

// TestDepth: a queue that empties by itself is left alone; one that is full, or was while this
// process did not run, is told of once.
func TestDepth(t *testing.T) {
	const limit = 1000
	for name, c := range map[string]struct {
		looks       []int64
		stopped     int // before this look
		purge, full string
	}{
		"empties":         {[]int64{800, 790, 500, 100}, -1, "....", "...."},
		"fills slowly":    {[]int64{100, 490, 501, 501, 600, 10}, -1, "...P..", "......"},
		"fills again":     {[]int64{600, 700, 600, 700}, -1, ".P.P", "...."},
		"is full":         {[]int64{950, 940, 950, 100, 950}, -1, "..P..", "F...F"},
		"a stop":          {[]int64{10, 850, 700, 400, 10}, 1, ".....", ".F..."},
		"a stop, not bad": {[]int64{10, 700, 600}, 1, "...", "..."},
	} {
		var d depth
		purges, fulls := "", ""
		mark := func(b bool, m string) string { return map[bool]string{true: m, false: "."}[b] }
		for i, n := range c.looks {
			d.stopped = i == c.stopped
			purge, full := d.observe(n, limit)
			purges, fulls = purges+mark(purge, "P"), fulls+mark(full, "F")
		}
		if purges != c.purge || fulls != c.full {
			t.Errorf("%s: %s %s, want %s %s", name, purges, fulls, c.purge, c.full)
		}
	}
}

// TestGap: a lost connection is restored, and the next message says that some may be missing; a
// stream goes on where it was.
func TestGap(t *testing.T) {
	for _, patient := range []bool{false, true} {
		subscriptions := []*script{newScript(2), newScript(1)}
		var said []string
		var resumed []int64
		opened := 0
		open := func(_ context.Context, seen int64) (Subscription, error) {
			resumed = append(resumed, seen)
			opened++
			switch opened {
			case 1:
				return subscriptions[0], nil
			case 2:
				return nil, errors.New("refused")
			}
			return subscriptions[1], nil
		}
		tail := start(t, Options{Open: open, Patient: patient, ReconnectAttempts: 3,
			Notify: func(s string) { said = append(said, s) }})
		var items []Item
		read := func(n int) (out []Item) {
			for len(out) < n {
				var err error
				if items, err = tail.Take(t.Context(), items); err != nil {
					t.Fatal(err)
				}
				out = append(out, items...)
			}
			return out
		}
		read(2)
		subscriptions[0].lost <- fmt.Errorf("cut: %w", consume.ErrLost)
		if got := read(1); got[0].Gap == patient {
			t.Errorf("patient %v: gap %v", patient, got[0].Gap)
		}
		if fmt.Sprint(resumed) != map[bool]string{true: "[-1 1 1]", false: "[-1 -1 -1]"}[patient] {
			t.Errorf("patient %v: opened at %v", patient, resumed)
		}
		if tail.Stats().Gaps != 1 || len(said) != 3 || !subscriptions[0].closed {
			t.Errorf("patient %v: %+v, said %q", patient, tail.Stats(), said)
		}
	}
}

func TestGivesUp(t *testing.T) {
	subscription := newScript(1)
	first := true
	tail := start(t, Options{ReconnectAttempts: 2, Open: func(context.Context, int64) (Subscription, error) {
		if first {
			first = false
			return subscription, nil
		}
		return nil, errors.New("gone for good")
	}})
	subscription.lost <- fmt.Errorf("cut: %w", consume.ErrLost)
	var items []Item
	for range 2 {
		var err error
		if items, err = tail.Take(t.Context(), items); err != nil {
			if err.Error() != "watching ended: gone for good" {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("it does not end")
}

// TestEndOfFeed: any other end is passed on, behind what came.
func TestEndOfSubscription(t *testing.T) {
	subscription := newScript(1)
	subscription.lost <- io.ErrUnexpectedEOF
	tail := start(t, Options{Open: opens(subscription), ReconnectAttempts: 2})
	if items, err := tail.Take(t.Context(), nil); err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	if _, err := tail.Take(t.Context(), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}
