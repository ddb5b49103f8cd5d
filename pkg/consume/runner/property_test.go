package runner_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Whatever is cut, whenever: a message that is gone from its queue was handled, or its copy is
// among the dead letters.
func TestRunLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), n)
		b.CutSource = rapid.SampledFrom([]float64{0, 0.005, 0.02}).Draw(t, "cut source")
		b.CutTarget = rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(t, "cut target")
		b.Target = publish.Target{}
		failing := rapid.SampledFrom([]int64{1000, 3, 2, 1}).Draw(t, "failing")
		var mu sync.Mutex
		handled := map[string]bool{}
		o := runner.Options{
			Source: b, Dialer: b, Plan: retry.Plan{Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"}},
			Handler: byMessage(func(m *message.Message) handle.Result {
				if m.Headers["n"].(int64)%failing == failing-1 {
					return handle.Never("test", "no")
				}
				mu.Lock()
				defer mu.Unlock()
				handled[m.MessageID] = true
				return handle.Done()
			}),
			Prefetch:    rapid.SampledFrom([]int{1, 5, 50}).Draw(t, "prefetch"),
			Concurrency: rapid.SampledFrom([]int{1, 4}).Draw(t, "concurrency"),
			Idle:        10 * time.Millisecond, ReconnectDelay: time.Millisecond,
		}
		if rapid.Bool().Draw(t, "interrupted") {
			o.Limit = int64(n/2 + 1)
		}
		_, _ = runner.Run(context.Background(), o) // given up: nothing may be lost even so
		left, arrived := b.Left(), b.Arrived()
		for i := range n {
			m := pipelinetest.DeadMessage(i)
			if id := m.MessageID; left[id] == 0 && arrived[id] == 0 && !handled[id] {
				t.Fatalf("%s is lost", id)
			}
			if left[m.MessageID] > 1 {
				t.Fatalf("%s is in its queue %d times", m.MessageID, left[m.MessageID])
			}
		}
		if b.Faults() != "" {
			t.Fatalf("%s", b.Faults())
		}
	})
}

type byMessage func(*message.Message) handle.Result

func (f byMessage) Handle(_ context.Context, j *handle.Job) handle.Result { return f(j.Message) }
func (byMessage) Name() string                                            { return "test" }
func (byMessage) Close(context.Context) error                             { return nil }
