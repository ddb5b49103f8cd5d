package browse_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Whatever is cut, whenever: after a look each message is in its queue, once.
func TestBrowseLosesNothingWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "messages")
		b := pipelinetest.New(rapid.Uint64().Draw(t, "seed"), n)
		b.CutSource = rapid.SampledFrom([]float64{0, 0.005, 0.02}).Draw(t, "cut")
		shown, stop := 0, rapid.IntRange(1, 300).Draw(t, "stop")
		o := browse.Options{
			Assessment: browse.Assessment{
				Queue: "dlq", Type: rapid.SampledFrom([]string{topology.Classic, topology.Quorum}).Draw(t, "type"),
				Return: rapid.SampledFrom([]browse.ReturnBy{browse.ReturnByNack, browse.ReturnByNacks,
					browse.ReturnByClose}).Draw(t, "return"),
			},
			Limit: rapid.Int64Range(0, 250).Draw(t, "limit"), Expect: int64(n), Counter: b, Idle: 20 * time.Millisecond,
		}
		r, err := browse.Browse(t.Context(), b, o, func(*message.Message) error {
			if shown++; shown == stop {
				return browse.ErrStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, consume.ErrLost) {
			t.Fatal(err)
		}
		if err == nil && (r.Returned < r.Seen || r.Seen != int64(shown)) {
			t.Fatalf("%+v, shown %d", r, shown)
		}
		if duplicates := b.Account(t, n); duplicates != 0 {
			t.Fatalf("%d duplicates", duplicates)
		}
	})
}

// Where the connection was lost is said: the next message may be the cause.
func TestBrowseNamesTheMessageBeforeALostConnection(t *testing.T) {
	b := pipelinetest.New(5, 20)
	b.Poison = "id-7"
	_, err := browse.Browse(context.Background(), b, browse.Options{
		Assessment: browse.Assessment{Queue: "dlq", Type: topology.Classic}, Idle: time.Millisecond,
	}, func(*message.Message) error { return nil })
	if !errors.Is(err, consume.ErrLost) || !strings.Contains(err.Error(), `after message 7, with id "id-6"`) {
		t.Errorf("%v", err)
	}
}

// What was counted and does not come is reported: silence is not the end of a queue.
func TestBrowseReportsWhatDidNotCome(t *testing.T) {
	for expect, missing := range map[int64]int64{20: 0, 25: 5} {
		synctest.Test(t, func(t *testing.T) {
			b := pipelinetest.New(5, 20)
			r, err := browse.Browse(t.Context(), b, browse.Options{
				Assessment: browse.Assessment{Queue: "dlq", Type: topology.Classic}, Idle: time.Second, Counter: b,
				Expect: expect,
			}, func(*message.Message) error { return nil })
			if err != nil || r.Seen != 20 || r.Missing != missing {
				t.Errorf("of %d expected: %+v, %v", expect, r, err)
			}
		})
	}
}
