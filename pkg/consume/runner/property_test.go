package runner_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
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
// among the dead letters. With keys, no message is handled before the one ahead of it of its key.
func TestRunLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 100).Draw(rt, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(rt, "seed"), n)
		b.CutSource = rapid.SampledFrom([]float64{0, 0.005, 0.02}).Draw(rt, "cut source")
		b.CutTarget = rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(rt, "cut target")
		b.Target = publish.Target{}
		failing := rapid.SampledFrom([]int64{1000, 3, 2, 1}).Draw(rt, "failing")
		keys := rapid.SampledFrom([]int64{0, 1, 3, 10}).Draw(rt, "keys") // 0: no order
		var mu sync.Mutex
		handled := map[string]bool{}
		order := keyOrder{keys: keys, next: map[int64]int64{}}
		o := runner.Options{
			Source: b, Dialer: b, Plan: retry.Plan{Queue: "dlq", DeadLetter: &publish.Target{Key: "dead"}},
			Handler: byMessage(func(m *message.Message) handle.Result {
				number := m.Headers["n"].(int64)
				if number%2 == 0 { // without order, another worker would overtake this one
					time.Sleep(200 * time.Microsecond)
				}
				order.see(number)
				if number%failing == failing-1 {
					return handle.Never("test", "no")
				}
				mu.Lock()
				defer mu.Unlock()
				handled[m.MessageID] = true
				return handle.Done()
			}),
			Prefetch:    rapid.SampledFrom([]int{1, 5, 50}).Draw(rt, "prefetch"),
			Concurrency: rapid.SampledFrom([]int{1, 4}).Draw(rt, "concurrency"),
			Idle:        10 * time.Millisecond, ReconnectDelay: time.Millisecond,
		}
		if keys > 0 {
			o.Key = func(m *message.Message) string { return strconv.FormatInt(m.Headers["n"].(int64)%keys, 10) }
		}
		if rapid.Bool().Draw(rt, "interrupted") {
			o.Limit = int64(n/2 + 1)
		}
		// In fake time, so that no pause takes any.
		synctest.Test(t, func(*testing.T) {
			_, _ = runner.Run(context.Background(), o) // given up: nothing may be lost even so
		})
		left, arrived := b.Left(), b.Arrived()
		for i := range n {
			m := pipelinetest.DeadMessage(i)
			if id := m.MessageID; left[id] == 0 && arrived[id] == 0 && !handled[id] {
				rt.Fatalf("%s is lost", id)
			}
			if left[m.MessageID] > 1 {
				rt.Fatalf("%s is in its queue %d times", m.MessageID, left[m.MessageID])
			}
		}
		if b.Faults() != "" {
			rt.Fatalf("%s", b.Faults())
		}
		if len(order.early) > 0 {
			rt.Fatalf("handled before an earlier message of their key: %v", order.early)
		}
	})
}

// keyOrder sees that the messages of a key are handled in the order of the queue: none for the
// first time before the one ahead of it, whatever is redelivered in between.
type keyOrder struct {
	keys int64

	mu    sync.Mutex
	next  map[int64]int64 // by key, the number that comes next
	early []int64
}

func (k *keyOrder) see(n int64) {
	if k.keys == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := n % k.keys
	want, ok := k.next[key]
	if !ok {
		want = key
	}
	switch {
	case n > want:
		k.early = append(k.early, n)
	case n == want:
		k.next[key] = n + k.keys
	}
}

type byMessage func(*message.Message) handle.Result

func (f byMessage) Handle(_ context.Context, j *handle.Job) handle.Result { return f(j.Message) }
func (byMessage) Name() string                                            { return "test" }
func (byMessage) Close(context.Context) error                             { return nil }
