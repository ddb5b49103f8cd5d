package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/topology"
)

// DrainOptions say which messages to move or copy into an archive.
type DrainOptions struct {
	From
	// Select selects the messages; the zero value selects all.
	Select Selection
	// Archive is required. The caller closes it.
	Archive Archive
	// Limit is how many messages to take at most; 0 is no limit.
	Limit int64
	// Copy leaves the originals in the queue.
	Copy bool
	// ID is the id of the run in the report; "" generates one. Observer and Report may be nil.
	ID       string
	Observer Observer
	Report   Recorder

	timing *pipeline.Timing
}

// Drain writes messages to an archive and removes each from the queue once it is durably written.
// The error wraps ErrStream for a stream that is not to be copied. Otherwise it says why the run
// ended early, and the Result is valid: the remaining messages are in the queue.
func Drain(ctx context.Context, o DrainOptions) (Result, error) {
	if o.Archive == nil {
		return Result{Queue: o.Queue}, errors.New("drain needs an archive")
	}
	if o.Type == topology.Stream && !o.Copy {
		return Result{Queue: o.Queue}, fmt.Errorf("drain queue %q: %w: it can only be copied", o.Queue, ErrStream)
	}
	return takeOut(ctx, PurgeOptions{
		From: o.From, Select: o.Select, Archive: o.Archive, ID: o.ID, Observer: o.Observer, Report: o.Report,
		timing: o.timing,
	}, OutcomeArchived, o.Limit, o.Copy)
}
