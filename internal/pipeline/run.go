package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/pipeline/redelivery"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/consume"
)

// run is a task in progress.
//
// Three goroutines share it. The reader (the caller's goroutine) receives, decides and passes jobs
// on; it owns the sessions. The worker performs the effect. The settler learns how each job ended,
// and is the only one to acknowledge what an effect finished.
type run struct {
	Task
	effect       effect
	confirmed    *redelivery.Confirmed
	fingerprints redelivery.Fingerprinter

	jobs        chan *job
	resendReady chan struct{} // something is in resend
	wake        chan struct{} // something is in ended
	idle        chan struct{} // the settler has settled something

	background sync.WaitGroup
	life       context.Context //nolint:containedctx // for background work that no caller waits for

	mu       sync.Mutex // guards what follows
	sessions []*Session
	ended    []*job
	resend   []*job
	tally    report.Tally
	resent   int64
	altered  int64
	failed   error

	stopping atomic.Bool // start nothing new
	cancel   context.CancelFunc

	// The reader's own.
	active        *Session
	parked        []*Session // cancelled, but holding messages
	taken         int64      // of the snapshot
	received      int64      // deliveries, and the bytes of their bodies
	bytes         int64
	attempted     int64 // passed on to the effect
	awaited       int64 // messages that a lost connection still has to return
	lastBarrier   int64 // attempted at the last barrier
	reconnected   time.Time
	confirmedOnly bool // process nothing; only acknowledge again what was confirmed
	unreachable   string
	next          int64 // the offset at which to continue in a stream
	atEnd         bool  // the end of a stream was reached
	losses        *reconnect.Losses
	doneBefore    int64  // when this connection began
	fresh         int64  // deliveries on this connection, except messages confirmed before
	safe          int64  // held when the last connection was lost
	lastID        string // of the last delivery
	progress      report.Meter
}

var (
	errDrained = errors.New("nothing more comes")
	errCrowded = errors.New("the prefetch is filled with messages that stay")
)

func (t Task) perform(ctx context.Context) (report.Result, error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	// Jobs that have begun are finished after an interruption.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	r := &run{
		Task: t, confirmed: redelivery.NewConfirmed(t.Keep), fingerprints: redelivery.NewFingerprinter(), cancel: cancel,
		tally: report.NewTally(), life: working, jobs: make(chan *job, 64), resendReady: make(chan struct{}, 1),
		wake: make(chan struct{}, 1), idle: make(chan struct{}, 1), progress: report.Meter{Observer: t.Observer},
		losses: reconnect.NewLosses(t.reconnectPolicy()),
	}
	if t.Total <= 0 {
		return r.result(ctx), nil
	}
	if err := r.open(reading); err != nil {
		return r.result(ctx), err
	}
	var worker, settler sync.WaitGroup
	quit := make(chan struct{})
	worker.Go(guarded.Func(func() { r.work(working) }))
	settler.Go(guarded.Func(func() { r.settler(quit) }))
	err := r.conduct(reading, stopWorking)
	close(r.jobs)
	worker.Wait()
	r.endEffect(r.Timing.Grace)
	close(quit)
	settler.Wait()
	stopWorking()
	r.background.Wait()
	r.report(true)
	return r.result(ctx), err
}

// open connects to the target first, so that no message is taken if the target is unreachable.
func (r *run) open(ctx context.Context) (err error) {
	if r.effect, err = r.Effect(ctx, r); err != nil {
		return err
	}
	if err = r.subscribe(ctx); err != nil {
		r.endEffect(r.Timing.Grace)
	}
	return err
}

func (r *run) endEffect(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), within)
	defer cancel()
	r.effect.end(ctx)
}

// maxFinishes is how often a run is finished again because the connection was lost while finishing.
const maxFinishes = 5

// conduct reads to the end and settles. If the connection is lost while settling, it continues with
// the messages that came back. After an interruption, it only removes confirmed messages from the
// queue.
func (r *run) conduct(ctx context.Context, stopWorking func()) error {
	err := r.readAll(ctx)
	for attempt := 0; ; attempt++ {
		broken := r.finish(ctx, stopWorking)
		if failed := r.failure(); failed != nil || ctx.Err() != nil {
			err = failed // other errors are its consequences
		}
		if !errors.Is(broken, consume.ErrLost) {
			return errors.Join(err, broken)
		}
		over := err != nil || ctx.Err() != nil || r.stopping.Load()
		if over && r.confirmed.None() {
			return err
		}
		if attempt == maxFinishes {
			return errors.Join(err, fmt.Errorf("the connection was lost %s while the work was being finished: messages "+
				"that have arrived may still be in queue %q, and what stays is not counted: %w",
				units.FormatCount(int64(attempt+1), "time"), r.Queue, broken))
		}
		if over {
			if again := r.reconnectForConfirmed(context.WithoutCancel(ctx)); again != nil {
				return errors.Join(err, again)
			}
			continue
		}
		if err = r.recover(ctx, broken); err == nil {
			err = r.readAll(ctx)
		}
	}
}

func (r *run) result(ctx context.Context) report.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := report.Result{
		ID: r.ID, Queue: r.Queue, Resent: r.resent, Altered: r.altered,
		Interrupted: ctx.Err() != nil, Unreachable: r.unreachable,
	}
	r.tally.Into(&out)
	return out
}

// fail ends the run gracefully.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stopping.Store(true)
	r.cancel()
}

func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *run) notice(kind report.NoticeKind, text string) { r.progress.Notice(kind, text) }

// report passes progress to the observer.
func (r *run) report(last bool) {
	if r.progress.Observer == nil {
		return
	}
	r.mu.Lock()
	now := r.tally.Progress(r.Total)
	r.mu.Unlock()
	r.progress.Tell(now, last)
}
