package replay

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// archived yields so many messages.
type archived struct{ next, n int }

func (a *archived) Next() (*message.Message, error) {
	if a.next == a.n {
		return nil, io.EOF
	}
	m := pipelinetest.DeadMessage(a.next)
	a.next++
	return &m, nil
}

// memoryArchive has what was written, and what of it is durable.
type memoryArchive struct{ written, durable []string }

func (a *memoryArchive) Write(m *message.Message) error {
	a.written = append(a.written, m.MessageID)
	return nil
}
func (a *memoryArchive) Sync() error {
	a.durable = append([]string(nil), a.written...)
	return nil
}
func (*memoryArchive) Err() error { return nil }

// Whatever is cut, whenever: what leaves its queue is durable in the archive.
func TestDrainLosesNothingWhateverBreaks(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), n)
		b.CutSource = rapid.SampledFrom([]float64{0, 0.005, 0.02}).Draw(t, "cut source")
		a := &memoryArchive{}
		synctest.Test(outer, func(*testing.T) {
			_, _ = Drain(context.Background(), DrainOptions{
				From: From{Source: b, Counter: b, Queue: "dlq", Total: -1, Prefetch: 20}, Archive: a, timing: fastReconnect(),
			})
		})
		left := b.Left()
		for _, id := range a.durable {
			left[id]++
		}
		for i := range n {
			if m := pipelinetest.DeadMessage(i); left[m.MessageID] == 0 {
				t.Fatalf("%s is lost", m.MessageID)
			}
		}
	})
}

func TestRestoreLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), 0)
		b.CutTarget = rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(t, "cut target")
		b.Unroutable = rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "unroutable")
		b.Target = publish.Target{Key: "dlq"}
		r, err := Restore(context.Background(), RestoreOptions{
			Archive: &archived{n: n}, Dialer: b, Reconnect: Reconnect{Delay: time.Millisecond},
		})
		arrived, duplicates := 0, 0
		for _, times := range b.Arrived() {
			arrived++
			duplicates += times - 1
		}
		if int64(arrived) < r.Done || int64(duplicates) > r.Resent {
			t.Fatalf("%d arrived and %d twice: %+v", arrived, duplicates, r)
		}
		if got := r.Done + r.Count(Reason.Failed); err == nil && got != int64(n) {
			t.Fatalf("%d of %d accounted for: %+v", got, n, r)
		}
	})
}
