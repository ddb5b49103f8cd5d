package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Purger empties a queue with the broker's own purge.
type Purger interface {
	// Purge destroys all ready messages and returns how many there were. After an error it is
	// unknown whether the queue was purged.
	Purge(ctx context.Context, queue string) (int64, error)
}

// PurgeOptions say what to destroy. The caller has asked the user for confirmation.
type PurgeOptions struct {
	From
	// Select selects the messages; the zero value selects all.
	Select Selection
	// Limit is how many messages to destroy at most; 0 is no limit.
	Limit int64
	// Archive, if not nil, stores every message durably before it is destroyed.
	Archive Archive
	// Purger is used if all messages are selected and none is archived; with nil they are taken one
	// by one. The broker's purge also destroys what arrived after the snapshot.
	Purger Purger
	// ID is the id of the run in the report; "" generates one.
	ID       string
	Observer Observer
	Report   Recorder

	timing *pipeline.Timing
}

// AtOnce reports whether Purge will use the broker's own purge, which leaves no report and destroys
// everything that is ready when it runs.
func (o PurgeOptions) AtOnce() bool {
	return o.Purger != nil && o.Select.All() && o.Limit == 0 && o.Archive == nil && o.Report == nil
}

// Purge destroys the selected messages of those that were ready when it began. With an archive, a
// message is destroyed only after it was durably written. The error wraps ErrStream for a stream.
// Otherwise it says why the run ended early, and the Result is valid: the remaining messages are in
// the queue.
func Purge(ctx context.Context, o PurgeOptions) (Result, error) {
	if o.Type == topology.Stream {
		return Result{Queue: o.Queue}, fmt.Errorf("purge queue %q: %w: the broker deletes old ones by max-age and "+
			"max-length-bytes", o.Queue, ErrStream)
	}
	if o.AtOnce() {
		n, err := o.Purger.Purge(ctx, o.Queue)
		return Result{Queue: o.Queue, Done: n}, err
	}
	return takeAway(ctx, o, OutcomeDiscarded)
}

func takeAway(ctx context.Context, o PurgeOptions, outcome Outcome) (Result, error) {
	return takeOut(ctx, o, outcome, o.Limit, false)
}

func takeOut(ctx context.Context, o PurgeOptions, outcome Outcome, limit int64, keep bool) (Result, error) {
	if o.ID == "" {
		o.ID = NewRunID()
	}
	if err := o.From.snapshot(ctx); err != nil {
		return Result{ID: o.ID, Queue: o.Queue}, err
	}
	t := o.From.task()
	t.Decide = o.Select.at(time.Now()).decide
	t.Effect = pipeline.Discard()
	if o.Archive != nil {
		t.Effect = pipeline.Keep(o.Archive)
	}
	t.Limit, t.Keep, t.Outcome, t.ID, t.Observer, t.Recorder = limit, keep, outcome, o.ID, o.Observer, o.Report
	if o.timing != nil {
		t.Timing = *o.timing
	}
	return pipeline.Run(ctx, t)
}
