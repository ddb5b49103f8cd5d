package pipeline_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Whatever is cut, whenever: each message has one outcome, which is true, and no more
// arrive twice than were sent again.
func TestBulkPublishReportsTheTruthWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), 0)
		b.CutTarget = rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(t, "cut target")
		b.Unroutable = rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "unroutable")
		b.Nacked = rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "nack")
		var mu sync.Mutex
		told := map[int]publish.OutcomeKind{}
		next := 0
		f := pipeline.BulkPublish[int]{
			Dialer: b, Publisher: publish.PublisherOptions{Republish: true, Window: 20, ReconnectDelay: time.Millisecond},
			Next: func(context.Context) (item pipeline.BulkItem[int], err error) {
				if next == n {
					return item, io.EOF
				}
				m := pipelinetest.DeadMessage(next)
				item = pipeline.BulkItem[int]{Target: b.Target, Message: &m, Tag: next}
				next++
				return item, nil
			},
			Settled: func(outcomes []publish.Outcome[int]) {
				mu.Lock()
				defer mu.Unlock()
				for _, o := range outcomes {
					if told[o.Tag] != 0 {
						t.Fatalf("%d has two outcomes", o.Tag)
					}
					told[o.Tag] = o.Kind
				}
			},
			Unsent: func(pipeline.BulkItem[int], error) {},
		}
		resent, err := f.Run(context.Background())
		arrived, duplicates := b.Arrived(), 0
		for i, kind := range told {
			m := pipelinetest.DeadMessage(i)
			times := arrived[m.MessageID]
			if kind == publish.Confirmed && times == 0 {
				t.Fatalf("%d is confirmed, and did not arrive", i)
			}
			duplicates += max(0, times-1)
		}
		if int64(duplicates) > resent {
			t.Fatalf("%d duplicates, and only %d were sent again", duplicates, resent)
		}
		if err == nil && len(told) != n {
			t.Fatalf("%d of %d have an outcome", len(told), n)
		}
	})
}
