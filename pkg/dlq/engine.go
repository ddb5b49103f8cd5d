package dlq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Counter tells how many messages are ready in a queue now. A passive declare does, and needs no
// management API.
type Counter interface {
	Ready(ctx context.Context, queue string) (int64, error)
}

// action is what happens to one message.
type action uint8

const (
	actSkip action = iota // does not match: returned at the end, not reported
	actStay               // stays, for a reason that is reported
	actDo                 // the effect takes place
)

// verdict is a decision about one message.
type verdict struct {
	action  action
	reason  Reason // for actStay
	detail  string
	outside bool // actStay, and no part of the snapshot: it came after the start
	target  *publish.Target
	out     *message.Message // what the effect gets
	altered bool             // out lacks something that had to go
}

// task says what a run takes, decides and does. Replay, Move, Purge and Drain are tasks.
type task struct {
	source   consume.Source
	counter  Counter // nil: the run ends when nothing comes any more
	queue    string
	prefetch int
	total    int64 // the snapshot: look at so many messages at most
	most     int64 // do so many at most; 0 is no limit
	keep     bool  // what is done stays in the queue
	stream   bool
	offset   any      // where to start in a stream
	last     int64    // where a stream ends; negative is unknown
	giveBy   ReturnBy // how what stays goes back
	decide   func(*message.Message) verdict
	begin    func(context.Context, *run) (effect, error)
	limiter  *rate.Limiter // nil is no limit
	outcome  Outcome
	id       string
	observer Observer
	recorder Recorder
	timing   timing
	sending  Sending
}

// timing has what tests shorten.
type timing struct {
	idle      time.Duration // quiet for so long: ask how many messages are ready
	stall     time.Duration // messages are ready and none comes: give up
	returning time.Duration // wait for what a lost connection still holds
	grace     time.Duration // wait for what is in flight after an interruption
	delay     time.Duration // before the second attempt to reconnect; times n before the n+1st
	attempts  int
}

func defaultTiming() timing {
	return timing{
		idle: 250 * time.Millisecond, stall: 10 * time.Second, returning: 90 * time.Second,
		grace: 30 * time.Second, delay: 5 * time.Second, attempts: 10,
	}
}

// effect does to messages what was decided. do is called by one goroutine; it calls job.done
// exactly once for each, from any goroutine and at any time, also when it returns an error, which
// ends the run. flush is called when no further message is at hand. After end, which may be called
// twice and beside do, every job is done; it waits for that until ctx ends.
type effect interface {
	do(ctx context.Context, j *job) error
	flush(ctx context.Context) error
	end(ctx context.Context)
}

// fate is what became of a job.
type fate uint8

const (
	fateDone fate = iota
	fateStays
	fateUnknown // it may have arrived: the connection was lost first
	fateDropped // nothing was begun: it is back in its queue, and comes again
)

// job is one message on its way through the effect.
type job struct {
	v       verdict
	run     *run
	session *pipeline.Session
	tag     uint64
	print   uint64
	id      string // the message's
	size    int
	fate    fate
	reason  Reason
	detail  string
	sent    sent
}

// done hands the job to the run's settler. It never blocks for long.
func (j *job) done(f fate, reason Reason, detail string) {
	j.fate, j.reason, j.detail = f, reason, detail
	r := j.run
	r.mu.Lock()
	r.inbox = append(r.inbox, j)
	r.mu.Unlock()
	poke(r.wake)
}

// run is a task under way.
//
// Three goroutines share it. The reader (the caller's) receives, decides and passes jobs on; it
// owns the sessions. The worker performs the effect. The settler learns how each job ended, and
// only it acknowledges what an effect finished: so nothing is acknowledged before its effect is
// known to be done.
type run struct {
	task
	effect  effect
	seen    *seen
	printer printer

	jobs  chan *job
	again chan struct{} // something is in resend
	wake  chan struct{} // something is in inbox
	idle  chan struct{} // the settler has settled something

	background sync.WaitGroup
	life       context.Context //nolint:containedctx // of the background work, which no caller waits for

	mu     sync.Mutex // guards what follows
	all    []*pipeline.Session
	inbox  []*job
	resend []*job
	tally  tally
	resent int64
	alter  int64
	failed error

	stopping atomic.Bool // nothing new is begun
	cancel   context.CancelFunc

	// The reader's own.
	active    *pipeline.Session
	parked    []*pipeline.Session // cancelled, but holding messages
	taken     int64               // of the snapshot
	looked    int64               // deliveries, and the bytes of their bodies
	bytes     int64
	tried     int64 // passed on to the effect
	awaited   int64 // messages that a lost connection still has to return
	barriered int64 // tried at the last barrier
	mopping   bool  // only acknowledge again what was confirmed
	stuck     string
	next      int64 // offset to go on from in a stream
	through   bool  // the end of a stream was reached
	progress  progressMeter
}

var (
	errDrained = errors.New("nothing more comes")
	errCrowded = errors.New("the window is filled with messages that stay")
)

// perform runs the task. The result says what was done also when there is an error. When ctx ends,
// what is in flight is settled first; that takes a moment, and is no error.
func (t task) perform(ctx context.Context) (Result, error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	// What has begun outlives an interruption, to be finished.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	r := &run{
		task: t, seen: newSeen(t.keep), printer: newPrinter(), cancel: cancel, tally: newTally(), life: working,
		jobs: make(chan *job, 64), again: make(chan struct{}, 1), wake: make(chan struct{}, 1), idle: make(chan struct{}, 1),
		progress: progressMeter{observer: t.observer},
	}
	if t.total <= 0 {
		return r.result(ctx), nil
	}
	if err := r.open(reading); err != nil {
		return r.result(ctx), err
	}
	var worker, settler sync.WaitGroup
	quit := make(chan struct{})
	worker.Go(func() { r.work(working) })
	settler.Go(func() { r.settler(quit) })
	err := r.conduct(reading, stopWorking)
	close(r.jobs)
	worker.Wait()
	r.endEffect(r.timing.grace)
	close(quit)
	settler.Wait()
	stopWorking()
	r.background.Wait()
	r.report(true)
	return r.result(ctx), err
}

// open begins with the target, so that nothing is fetched in vain when that cannot be reached.
func (r *run) open(ctx context.Context) (err error) {
	if r.effect, err = r.begin(ctx, r); err != nil {
		return err
	}
	if err = r.subscribe(ctx); err != nil {
		r.endEffect(r.timing.grace)
	}
	return err
}

func (r *run) endEffect(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), within)
	defer cancel()
	r.effect.end(ctx)
}

// maxFinishes bounds how often a run is finished again because the connection broke while it was.
const maxFinishes = 5

// conduct reads to the end and settles. When the connection breaks while settling, it goes on: with
// what came back or, after an interruption, only to take out of the queue what was confirmed.
func (r *run) conduct(ctx context.Context, stopWorking func()) error {
	err := r.readAll(ctx)
	for attempt := 0; ; attempt++ {
		broken := r.finish(ctx, stopWorking)
		if failed := r.failure(); failed != nil || ctx.Err() != nil {
			err = failed // what else went wrong came of that
		}
		if !errors.Is(broken, consume.ErrLost) {
			return errors.Join(err, broken)
		}
		over := err != nil || ctx.Err() != nil || r.stopping.Load()
		if over && r.seen.none() {
			return err
		}
		if attempt == maxFinishes {
			return errors.Join(err, fmt.Errorf("the connection was lost %d times while the work was being finished: messages "+
				"that have arrived may still be in queue %q, and what stays is not counted: %w", attempt+1, r.queue, broken))
		}
		if over {
			if again := r.mopUp(context.WithoutCancel(ctx)); again != nil {
				return errors.Join(err, again)
			}
			continue
		}
		if err = r.recover(ctx); err == nil {
			err = r.readAll(ctx)
		}
	}
}

func (r *run) result(ctx context.Context) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Result{
		ID: r.id, Queue: r.queue, Resent: r.resent, Altered: r.alter,
		Interrupted: ctx.Err() != nil, Unreachable: r.stuck,
	}
	r.tally.into(&out)
	return out
}

// fail ends the run in good order.
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

// poke wakes whoever waits for the channel, which has room for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
