package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/topology"
)

// DrainOptions say what to take out of a queue into an archive, or to copy.
type DrainOptions struct {
	From
	Select Selection
	// Archive is required. The caller closes it.
	Archive Archive
	// Limit is how many messages to take at most; 0 is no limit.
	Limit int64
	// Copy leaves the originals.
	Copy     bool
	ID       string
	Observer Observer
	Report   Recorder

	timing *pipeline.Timing
}

// Drain writes messages to an archive and takes them out of the queue once they are durable there.
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
