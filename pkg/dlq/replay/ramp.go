package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/message"
)

// DefaultSettle is how long a ramp waits after each stage.
const DefaultSettle = 30 * time.Second

// Ramp replays in stages, and stops when too many replayed messages die again.
type Ramp struct {
	// Stages are how many messages each of the first runs sends, such as 1, 10, 100. A last run
	// sends the rest. Empty means no ramp.
	Stages []int64
	// Settle is the pause after each stage, during which consumers show whether they can handle the
	// messages; 0 means DefaultSettle.
	Settle time.Duration
	// AbortIfReturned is the percentage of returned messages at which the replay stops: 5 is five
	// in a hundred. 0 stops at the first.
	AbortIfReturned float64
	// Returned counts the messages in the queue that this run replayed. With nil, the whole queue
	// is browsed, which a quorum queue counts as a delivery of each message.
	Returned func(ctx context.Context, runID string) (int64, error)
}

// ramp runs one stage after another. Each ends its consumer, so that nothing is held during the
// pause.
func (o Options) ramp(ctx context.Context) (Result, error) {
	settle := o.Ramp.Settle
	if settle <= 0 {
		settle = DefaultSettle
	}
	total := Result{ID: o.ID, Queue: o.Queue}
	for i := 0; ; i++ {
		limit, last := o.stage(i, total.Done)
		r, err := pipeline.Run(ctx, o.task(ctx, limit))
		done := r.Done
		total = joined(total, r)
		o.From.Total -= done
		if err != nil || r.Interrupted || last || done == 0 || o.From.Total <= 0 || o.Limit > 0 && total.Done >= o.Limit {
			return total, err
		}
		o.tell(NoticeStage, fmt.Sprintf("%s replayed; waiting %s to see whether any die again",
			messages(total.Done), settle))
		if !pause(ctx, settle) {
			total.Interrupted = true
			return total, nil
		}
		back, err := o.returned(ctx)
		if err != nil {
			return total, fmt.Errorf("count the messages that died again: %w", err)
		}
		if share := 100 * float64(back) / float64(total.Done); back > 0 && share >= o.Ramp.AbortIfReturned {
			total.Aborted = fmt.Sprintf("%d of %d replayed messages (%.3g %%) died again", back, total.Done, share)
			return total, nil
		}
	}
}

// stage returns the limit of a stage, 0 for none, and whether it is the last one.
func (o Options) stage(i int, done int64) (limit int64, last bool) {
	if o.Limit > 0 {
		limit = o.Limit - done
	}
	if i >= len(o.Ramp.Stages) {
		return limit, true
	}
	if limit == 0 || o.Ramp.Stages[i] < limit {
		return o.Ramp.Stages[i], false
	}
	return limit, true
}

// joined adds a stage's result. Messages that stayed were browsed again, so their newest counts
// apply.
func joined(total, r Result) Result {
	r.Done += total.Done
	r.Resent += total.Resent
	r.Altered += total.Altered
	r.Targets = report.JoinTargets(total.Targets, r.Targets)
	return r
}

func (o Options) returned(ctx context.Context) (int64, error) {
	if o.Ramp.Returned != nil {
		return o.Ramp.Returned(ctx, o.ID)
	}
	return o.CountReplayed(ctx, o.ID)
}

// CountReplayed returns how many ready messages of the queue a run has replayed: those that died
// again. It browses the whole queue and returns everything to it. It fails if the queue cannot be
// read to its end.
func (f From) CountReplayed(ctx context.Context, runID string) (int64, error) {
	f.Total = -1
	if err := f.snapshot(ctx); err != nil {
		return 0, err
	}
	var back int64
	t := f.task()
	t.Keep = true
	t.Effect = pipeline.Discard()
	t.Decide = func(m *message.Message) pipeline.Decision {
		if m.ReplayedBy(runID) {
			back++
		}
		return pipeline.Decision{Action: pipeline.Skip}
	}
	_, err := pipeline.Run(ctx, t)
	return back, err
}

func (o Options) tell(kind NoticeKind, text string) {
	if o.Observer != nil {
		o.Observer.Notice(Notice{Kind: kind, Text: text})
	}
}

// pause waits and reports whether the pause was complete.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func messages(n int64) string { return units.FormatCount(n, "message") }
