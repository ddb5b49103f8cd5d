package replay

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

func fastReconnect() *pipeline.Timing {
	return &pipeline.Timing{
		Idle: time.Millisecond, Stall: time.Second, Returning: 20 * time.Millisecond, Grace: 2 * time.Second,
		Reconnect: reconnect.Policy{Delay: time.Millisecond, Attempts: 5},
	}
}

// replayed is Replay in fake time: no pause takes any, and on a busy machine none ends before what it
// waits for.
func replayed(t *testing.T, o Options) (r Result, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { r, err = Replay(context.Background(), o) })
	return r, err
}

// Whatever is cut, whenever: nothing is lost, and what was confirmed is not sent twice.
func TestReplayLosesNothingWhateverBreaks(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), n)
		b.CutSource = rapid.SampledFrom([]float64{0, 0, 0.005, 0.02}).Draw(t, "cut source")
		b.CutTarget = rapid.SampledFrom([]float64{0, 0, 0.02, 0.2}).Draw(t, "cut target")
		b.Unroutable = rapid.SampledFrom([]float64{0, 0, 0.1}).Draw(t, "unroutable")
		b.Nacked = rapid.SampledFrom([]float64{0, 0, 0.3}).Draw(t, "nack")
		every := rapid.SampledFrom([]int64{1, 1, 2, 7, 1000}).Draw(t, "every")
		o := Options{
			From: From{Source: b, Counter: b, Queue: "dlq", Total: -1,
				Prefetch: rapid.SampledFrom([]int{5, 20, 100}).Draw(t, "prefetch")},
			Dialer: b, MaxReplays: -1, timing: fastReconnect(),
			Select: Selection{Where: func(m *message.Message) (bool, error) { return m.Headers["n"].(int64)%every == 0, nil }},
		}
		r, err := replayed(outer, o)
		duplicates := b.Account(t, n)
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
		if b.CutSource == 0 && b.CutTarget == 0 && r.Skipped != int64(n)-matching {
			t.Fatalf("%d skipped, want %d", r.Skipped, int64(n)-matching)
		}
	})
}

// A message that dies again at once comes back into the queue that is being replayed; it must not
// go round and round.
func TestReplayDoesNotReplayWhatDiesAgain(t *testing.T) {
	b := pipelinetest.New(1, 500)
	b.Returns = true
	r, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 50}, Dialer: b, timing: fastReconnect(),
	})
	if err != nil || r.Done != 500 {
		t.Fatalf("%+v, %v; want 500 replayed", r, err)
	}
	for id, times := range b.Arrived() {
		if times != 1 {
			t.Fatalf("%s was replayed %d times", id, times)
		}
	}
}

// Identical messages cannot be told apart when a connection breaks: each must
// arrive all the same.
func TestReplayCountsIdenticalMessages(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), n)
		same := pipelinetest.DeadMessage(0)
		if rapid.Bool().Draw(t, "without id") {
			same.MessageID = ""
		}
		b.Replace(same)
		b.CutSource = 0.03
		_, err := replayed(outer, Options{
			From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 10}, Dialer: b, timing: fastReconnect(),
		})
		if got := b.Left()[same.MessageID] + b.Arrived()[same.MessageID]; got < n {
			t.Fatalf("%d of %d are left (%v)", got, n, err)
		}
	})
}

func TestReplayStopsAtTheLimit(t *testing.T) {
	b := pipelinetest.New(1, 200)
	r, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, Limit: 30, timing: fastReconnect(),
	})
	if err != nil || r.Done != 30 || b.Waiting() != 170 || b.Account(t, 200) != 0 {
		t.Fatalf("%+v, %v, %d left; want 30 replayed and 170 left", r, err, b.Waiting())
	}
}

// TestReplayTakesOutWhatComesBackLate: a message whose acknowledgement was lost is counted as done,
// and all others may be before it is back.
func TestReplayTakesOutWhatComesBackLate(t *testing.T) {
	b := pipelinetest.New(3, 20)
	b.CutAcked = true
	r, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: 20, Prefetch: 1}, Dialer: b, timing: fastReconnect(),
	})
	if err != nil || r.Done != 20 || b.Cuts == 0 || len(b.Left()) != 0 || b.Account(t, 20) != 0 {
		t.Fatalf("%+v, %v, cut %d times; left: %v", r, err, b.Cuts, b.Left())
	}
}

// TestReplayAwaitsWhatNobodyRead: a lost connection holds messages that the broker had sent and
// nobody has read. The queue looks empty until the broker has seen the loss.
func TestReplayAwaitsWhatNobodyRead(t *testing.T) {
	b := pipelinetest.New(3, 20)
	b.CutAcked, b.Unread = true, 15
	patient := fastReconnect()
	patient.Returning = time.Minute // it ends when all is back
	r, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: 20, Prefetch: 1}, Dialer: b, timing: patient,
	})
	if err != nil || r.Done != 20 || b.Cuts == 0 || len(b.Left()) != 0 || b.Account(t, 20) != 0 {
		t.Fatalf("%+v, %v, cut %d times; left: %v", r, err, b.Cuts, b.Left())
	}
}

// recordedUntil calls then when n messages have been reported.
type recordedUntil struct {
	n    int
	then func()
}

func (r *recordedUntil) Record(Record) error {
	if r.n--; r.n == 0 {
		r.then()
	}
	return nil
}

func TestReplayInterruptedSettlesWhatIsInFlight(t *testing.T) {
	b := pipelinetest.New(7, 5000)
	var r Result
	var err error
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, err = Replay(ctx, Options{
			From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 100}, Dialer: b, timing: fastReconnect(),
			Report: &recordedUntil{n: 100, then: cancel},
		})
	})
	if err != nil || !r.Interrupted {
		t.Fatalf("%+v, %v; want an interrupted result", r, err)
	}
	if d := b.Account(t, 5000); d != 0 {
		t.Fatalf("%d duplicates after an orderly interruption", d)
	}
	if r.Done == 0 || r.Done == 5000 || int64(len(b.Arrived())) != r.Done {
		t.Fatalf("%d done, %d arrived", r.Done, len(b.Arrived()))
	}
}

func TestRampStopsWhenMessagesComeBack(t *testing.T) {
	b := pipelinetest.New(1, 500)
	b.Returns = true
	r, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, timing: fastReconnect(),
		Ramp: Ramp{Stages: []int64{1, 10}, Settle: time.Millisecond, AbortIfReturned: 5},
	})
	if err != nil || r.Aborted == "" || r.Done != 1 {
		t.Fatalf("%+v, %v; want it given up after the first message", r, err)
	}
	b = pipelinetest.New(1, 500)
	r, err = replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1}, Dialer: b, timing: fastReconnect(),
		Ramp: Ramp{Stages: []int64{1, 10, 100}, Settle: time.Millisecond, AbortIfReturned: 5},
	})
	if err != nil || r.Aborted != "" || r.Done != 500 || b.Account(t, 500) != 0 {
		t.Fatalf("%+v, %v; want all replayed", r, err)
	}
}

// A publisher that gives up has told so when everything was handed to it before, and nothing is
// left to be refused.
func TestReplayFailsWhenThePublisherGivesUp(t *testing.T) {
	b := pipelinetest.New(1, 20)
	_, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1,
			Prefetch: 50}, Dialer: &pipelinetest.DialOnce{Broker: b}, timing: fastReconnect(),
	})
	if !errors.Is(err, publish.ErrLost) {
		t.Fatalf("%v; want an error that wraps ErrLost", err)
	}
	if b.Account(t, 20) != 0 || b.Waiting() != 20 {
		t.Fatalf("%d of 20 are left", b.Waiting())
	}
}

// A connection that breaks whenever the work is being finished: what stays is not counted, and that
// is no success.
func TestReplayFailsWhenItCannotFinish(t *testing.T) {
	b := pipelinetest.New(1, 5)
	b.CutSource, b.Nacked = 0.05, 1 // twenty times as likely at the end
	_, err := replayed(t, Options{
		From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 50}, Dialer: b, timing: fastReconnect(),
	})
	if !errors.Is(err, consume.ErrLost) {
		t.Fatalf("%v; want an error that wraps ErrLost", err)
	}
	if b.Account(t, 5) != 0 || len(b.Left()) != 5 {
		t.Fatalf("%v are left", b.Left())
	}
}
