// Package run executes migrations on a broker: see package migrate.
//
// A Runner goes through the stages of a job. Each stage is recorded before it begins and may be
// executed again, so a Runner can go on with the record of any other that was killed, at any point.
// What a stage needs to know of the broker it reads from the broker.
package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Broker is the set of broker operations that a migration uses. Errors are for users and wrap the
// sentinel errors of package topology.
type Broker interface {
	// Create makes an object, and succeeds if an equal one exists. Delete removes one, and succeeds
	// if there is none: see apply.Writer.
	Create(ctx context.Context, want topology.Object) error
	Delete(ctx context.Context, have topology.Object, conditions topology.DeleteConditions) error
	// Replace deletes an empty queue and declares another of its name. gap is the longest time that
	// the name can have been missing.
	Replace(ctx context.Context, old, want *topology.Queue) (gap time.Duration, err error)
	// FindQueue reads a queue, nil if there is none.
	FindQueue(ctx context.Context, vhost, name string) (*topology.Queue, error)
	// BindingsTo reads the bindings of a queue or an exchange, each with one key in PropertiesKeys.
	BindingsTo(ctx context.Context, to topology.Ref) ([]*topology.Binding, error)
	GlobalParameters(ctx context.Context) (map[string]json.RawMessage, error)
	// SaveOwnership writes what a topology owns: see apply.Writer.
	SaveOwnership(ctx context.Context, o topology.Ownership) error
	// Ready counts the ready messages of a queue now, ReadyConsuming for a caller that consumes from
	// it, Counts those of all queues, some seconds late. Published is late, too, and -1 if unknown.
	Ready(ctx context.Context, vhost, queue string) (int64, error)
	ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error)
	Counts(ctx context.Context, vhost string) (map[string]topology.QueueCounts, error)
	Published(ctx context.Context, vhost, queue string) (int64, error)
	// PublishedRate is how many messages a second are published to a queue, late too; 0 if unknown.
	PublishedRate(ctx context.Context, vhost, queue string) (float64, error)
	Source(vhost string) consume.Source
	Dialer(vhost string) publish.Dialer
}

// Observer receives the progress of a migration. Progress is that of the messages of one stage.
type Observer interface {
	report.Observer
	// Begin is called when a stage begins, or begins again.
	Begin(stage migrate.Stage)
}

// Options tune a Runner. The zero value is usable.
type Options struct {
	// Rate is the maximum number of messages moved per second; 0 is no limit.
	Rate float64
	// PauseAbove pauses the moving of messages while applications publish more than so many a second
	// to the queue through exchanges; 0 never pauses. The broker says that some seconds late.
	PauseAbove float64
	// Patience is how long to wait without any progress for consumers that hold messages, or for room
	// in the new queue. 0 is 10 minutes.
	Patience time.Duration
	// Settle is how long the queue must be empty before it is replaced. 0 is 6 s, longer than counts
	// are late (fact totals-are-late). A classic queue whose publishers by name may lose messages takes
	// a second.
	Settle time.Duration
	// Prefetch is how many messages are in flight at most, which is what killing msgctl may double. 0
	// is 1,000.
	Prefetch int
	// Observer may be nil.
	Observer Observer
	// Reconnect is for the connections that move messages.
	Reconnect Reconnect
}

// Reconnect configures reconnection: see pipeline.Timing. The zero value has the defaults.
type Reconnect struct {
	Delay          time.Duration
	Attempts       int
	ConfirmTimeout time.Duration
}

// Report is what a Runner did. A migration that was resumed has one for each run.
type Report struct {
	// Stored, Restored and Arrived count messages moved from the queue into the backlog, from there
	// into the new queue, and from the arrivals into the new queue.
	Stored, Restored, Arrived int64
	// Resent counts messages that were sent again after a lost connection: each may be there twice.
	Resent int64
	// Altered counts messages that lost their user_id, which the login may not publish.
	Altered int64
	// ByName counts messages that came into the queue after it was cut off: sent to it by its name.
	ByName int64
	// Overtaken counts arrivals that were moved after the new queue got messages directly: they may
	// come out after messages that were published later.
	Overtaken int64
	// Gap is the longest time that the name of the queue can have been missing; 0 if it was not
	// replaced in this run.
	Gap time.Duration
	// Notes say what could not be kept.
	Notes []string
	// Stages are those that were executed, in order. One that was repeated is there several times.
	Stages []StageReport
}

// StageReport is one stage of a run: how long it took, and how many messages were moved in it.
type StageReport struct {
	Stage   migrate.Stage
	Elapsed time.Duration
	Moved   int64
}

func (r *Report) moved() int64 { return r.Stored + r.Restored + r.Arrived }

// ErrInterrupted is wrapped if the context ended. Everything is as recorded; resume goes on.
var ErrInterrupted = errors.New("interrupted")

// ByNameError says that messages come into the queue by its name, which would be lost while it is
// replaced.
type ByNameError struct {
	Queue    string
	Messages int64
}

// Error implements error.
func (e *ByNameError) Error() string {
	return fmt.Sprintf("queue %q still got %d new messages after all its bindings were led elsewhere: somebody publishes "+
		"to its name through the default exchange, and would lose what arrives in the moment without the queue", e.Queue,
		e.Messages)
}

// WaitError says what a migration waited for in vain. It can be resumed.
type WaitError struct{ For string }

// Error implements error.
func (e *WaitError) Error() string { return e.For }

// Runner executes one job. It is not safe for concurrent use; see Broker for the lock.
type Runner struct {
	Broker   Broker
	Job      *migrate.Job
	Identity migrate.Identity
	Options  Options

	report  Report
	drained bool // by this Runner, so that the queue may be replaced
	cut     cutoff
	last    time.Time
}

// maxDrains is how often a queue is drained again that was not empty when it was to be replaced.
const maxDrains = 20

// Run executes the stages that are left. The Report is valid even if there is an error. An error
// leaves the job as it is recorded, so that a later Run goes on.
func (r *Runner) Run(ctx context.Context) (Report, error) {
	r.Options = r.Options.withDefaults()
	for drains := 0; r.Job.Stage != migrate.Done; {
		if ctx.Err() != nil {
			return r.report, ErrInterrupted
		}
		if err := r.save(ctx); err != nil {
			return r.report, err
		}
		if r.Options.Observer != nil {
			r.Options.Observer.Begin(r.Job.Stage)
		}
		r.progress()
		start, before := time.Now(), r.report.moved()
		next, err := r.stage(ctx)
		r.report.Stages = append(r.report.Stages, StageReport{r.Job.Stage, time.Since(start), r.report.moved() - before})
		if err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w in stage %s", ErrInterrupted, r.Job.Stage)
			}
			return r.report, err
		}
		if next.Before(r.Job.Stage) {
			if drains++; drains > maxDrains {
				return r.report, &WaitError{fmt.Sprintf("queue %q was not empty whenever it was to be replaced", r.Job.From.Name)}
			}
		}
		r.Job.Stage = next
	}
	return r.report, r.Broker.Delete(ctx, &topology.GlobalParameter{Name: r.Job.Parameter()}, topology.DeleteConditions{})
}

func (o Options) withDefaults() Options {
	if o.Patience <= 0 {
		o.Patience = 10 * time.Minute
	}
	if o.Settle <= 0 {
		o.Settle = 6 * time.Second
	}
	if o.Prefetch <= 0 {
		o.Prefetch = 1000
	}
	return o
}

func (r *Runner) save(ctx context.Context) error {
	p, err := r.Job.Encode()
	if err != nil {
		return err
	}
	if err := r.Broker.Create(ctx, p); err != nil {
		return fmt.Errorf("record the migration of queue %q: %w", r.Job.From.Name, err)
	}
	return nil
}

func (r *Runner) stage(ctx context.Context) (next migrate.Stage, err error) {
	next = r.Job.Stage.Next()
	switch r.Job.Stage {
	case migrate.Prepare:
		err = r.prepare(ctx)
	case migrate.Hold:
		err = r.hold(ctx)
	case migrate.Drain:
		err = r.drain(ctx)
	case migrate.Switch:
		return r.replace(ctx)
	case migrate.Refill:
		return r.refill(ctx)
	case migrate.Release:
		return r.release(ctx)
	case migrate.Clean:
		if err := r.renameOwned(ctx); err != nil {
			return "", err
		}
		return r.clean(ctx)
	}
	return next, err
}

// progress notes that something was achieved.
func (r *Runner) progress() { r.last = time.Now() }

// pause waits before the next look at the broker. The error is a WaitError with what is awaited if
// nothing was achieved for too long.
func (r *Runner) pause(ctx context.Context, awaited string) error {
	if time.Since(r.last) > r.Options.Patience {
		return &WaitError{fmt.Sprintf("nothing moved for %s: %s", r.Options.Patience, awaited)}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

// pollEvery is the pause between two looks at the broker.
const pollEvery = 500 * time.Millisecond

func (r *Runner) note(text string) { r.report.Notes = append(r.report.Notes, text) }

func (r *Runner) ready(ctx context.Context, q *topology.Queue) (int64, error) {
	return r.Broker.Ready(ctx, q.VHost, q.Name)
}
