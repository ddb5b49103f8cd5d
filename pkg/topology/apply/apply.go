package apply

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Writer changes one object on a broker. Every method is called from several goroutines at once, at
// most once per object, and returns when the broker has answered. A method that fails because ctx
// ended returns ctx.Err() wrapped. Errors are for people: they name the object, the reason in the
// topology's own terms, and what to do; they never quote a bare reply code. A writer reconnects by
// itself, and an error that wraps ErrUnreachable ends the apply.
type Writer interface {
	// Create makes an object. It succeeds when an equal object exists already.
	Create(ctx context.Context, want topology.Object) error
	// Update changes an existing object in place. It is called for kinds and fields that the broker
	// can change.
	Update(ctx context.Context, have, want topology.Object) error
	// Delete removes an object. It succeeds when the object is gone already. If conditions say so,
	// a queue or exchange that is in use or holds messages is left alone and the error wraps
	// ErrInUse.
	Delete(ctx context.Context, have topology.Object, conditions topology.DeleteConditions) error
	// SaveOwnership records what a topology name owns. An empty record removes it.
	SaveOwnership(ctx context.Context, o topology.Ownership) error
	// ForgetOwnership removes a record if it is still as given and no vhost that it names exists.
	ForgetOwnership(ctx context.Context, o topology.Ownership) error
}

// Options tune Apply. The zero value is usable.
type Options struct {
	// Parallel is how many objects of one kind are written at once. Default 8: more are
	// slower (fact declarations-in-parallel).
	Parallel int
	// StepTimeout bounds one write. Default 30 s.
	StepTimeout time.Duration
}

// Outcome says how a Step ended.
type Outcome string

// The outcomes.
const (
	// Done means that the broker confirmed the change.
	Done Outcome = "done"
	// Failed means that the broker refused, or did not answer: then the change may or may not have
	// happened.
	Failed Outcome = "failed"
	// Skipped means that the step was never begun, because one it depends on failed or the apply
	// was interrupted.
	Skipped Outcome = "skipped"
)

// StepResult is what became of one Step of the plan, at the same index.
type StepResult struct {
	Outcome Outcome
	// Err is why it failed or was skipped, nil when done.
	Err error
}

// Result is what Apply did. Steps is parallel to Plan.Steps.
type Result struct {
	Steps       []StepResult
	Interrupted bool
	// OwnershipErr says why the record of ownership could not be written (nil: written, or not
	// needed).
	OwnershipErr error
	// Elapsed is the duration of the apply.
	Elapsed time.Duration
}

// Observer receives progress. Its methods are called one at a time, from any goroutine, and must
// return quickly.
type Observer interface {
	// Begin is called once, before the first step.
	Begin(steps int)
	// StepEnded is called when a step is done, failed or skipped.
	StepEnded(index int, step plan.Step, r StepResult)
}
