package runner_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// TestNoMessageEndsTheRun: what panics, or never ends, is the failure of the message.
func TestNoMessageEndsTheRun(t *testing.T) {
	for name, keyed := range map[string]bool{"in any order": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := pipelinetest.New(1, 10)
				b.Target = publish.Target{Key: "dead"}
				block := make(chan struct{})
				defer close(block)
				failures := &failures{of: map[int64]string{}}
				o := runner.Options{
					Source: b, Dialer: b, Handler: panics{on: 2}, Observer: failures, Prefetch: 5, Idle: time.Second,
					Retry:        retry.Strategy{Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"}},
					CheckTimeout: time.Minute,
					Type: func(m *message.Message) (string, *handle.Result) {
						switch number(m) {
						case 3:
							panic("hostile type")
						case 4:
							<-block
						}
						return "", nil
					},
				}
				if keyed {
					o.Key = func(m *message.Message) string {
						switch number(m) {
						case 5:
							panic("hostile key")
						case 6:
							<-block
						}
						return "k"
					}
				}
				report, err := runner.Run(t.Context(), o)
				want := map[int64]string{2: "panic: hostile body", 3: "panic: hostile type", 4: "timeout: the check"}
				if keyed {
					want[5], want[6] = "panic: hostile key", "timeout: the check"
				}
				if err != nil || report.Handled != int64(10-len(want)) || report.DeadLettered != int64(len(want)) {
					t.Fatalf("%+v, %v", report, err)
				}
				for n, text := range want {
					if !strings.HasPrefix(failures.of[n], text) {
						t.Errorf("message %d: %q, want %q", n, failures.of[n], text)
					}
				}
			})
		})
	}
}

// TestACheckThatTimedOutIsMadeAgain: one slow check costs one attempt, not all of them, although an
// ordered message waits for its retry in hand.
func TestACheckThatTimedOutIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pipelinetest.New(1, 5)
		var slow sync.Once
		report, err := runner.Run(t.Context(), runner.Options{
			Source: b, Dialer: b, Handler: handlesAll{}, Prefetch: 5, Idle: 5 * time.Second, CheckTimeout: time.Second,
			Retry: retry.Strategy{Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"},
				Steps: []retry.Step{{Delay: time.Second}}},
			Key: func(*message.Message) string { return "k" },
			Type: func(*message.Message) (string, *handle.Result) {
				slow.Do(func() { time.Sleep(2 * time.Second) })
				return "", nil
			},
		})
		if err != nil || report.Handled != 5 || report.Retried != 1 || report.DeadLettered != 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestAStopEndsChecks: a check that never ends ends with the run, and its message stays.
func TestAStopEndsChecks(t *testing.T) {
	for name, keyed := range map[string]bool{"type": false, "key": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := pipelinetest.New(1, 3)
				ctx, cancel := context.WithCancel(t.Context())
				block := make(chan struct{})
				defer close(block)
				o := runner.Options{
					Source: b, Handler: handlesAll{}, Retry: retry.Strategy{Queue: "dlq"}, Grace: time.Minute,
				}
				if keyed {
					o.Key = func(*message.Message) string { cancel(); <-block; return "" }
				} else {
					o.Type = func(*message.Message) (string, *handle.Result) { cancel(); <-block; return "", nil }
				}
				report, err := runner.Run(ctx, o)
				if err != nil || report.Handled != 0 || len(b.Left()) != 3 {
					t.Fatalf("%+v, %v; left %v", report, err, b.Left())
				}
			})
		})
	}
}

// panics is a handler with a fault that one message brings out.
type panics struct {
	handlesAll
	on int64
}

func (p panics) Handle(_ context.Context, j *handle.Attempt) handle.Result {
	if number(j.Message) == p.on {
		panic("hostile body")
	}
	return handle.Done()
}

// failures keeps why messages failed.
type failures struct {
	mu sync.Mutex
	of map[int64]string
}

func (*failures) Begin(*handle.Attempt) any { return nil }
func (*failures) Notice(runner.Notice)      {}

func (f *failures) End(e runner.End) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Failure != nil {
		f.of[number(e.Attempt.Message)] = e.Failure.Error()
	}
}

// TestDeadLetterThatCannotBeMade: a result without a failure panics when the dead letter is made.
// The message stays, and the others are handled.
func TestDeadLetterThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pipelinetest.New(1, 10)
		b.Target = publish.Target{Key: "dead"}
		report, err := runner.Run(t.Context(), runner.Options{
			Source: b, Dialer: b, Handler: silent{on: 2}, Prefetch: 5, Idle: time.Second,
			Retry: retry.Strategy{Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"}},
		})
		if err != nil || report.Handled != 9 || report.DeadLettered != 0 || report.Unfinished != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// silent gives one message up without saying why.
type silent struct {
	handlesAll
	on int64
}

func (s silent) Handle(_ context.Context, j *handle.Attempt) handle.Result {
	if number(j.Message) == s.on {
		return handle.Result{Verdict: handle.DeadLetter}
	}
	return handle.Done()
}
