package bulk

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/publish"
)

// flushTime is how long an ended run waits for what is under way.
const flushTime = 30 * time.Second

// tag is what a run knows of a message under way.
type tag struct {
	line, end int64
	id        string
	// invalid is how many invalid items came right before it.
	invalid int64
	done    func(error)
	with    any
}

// runner is the state of one run.
type runner struct {
	o       Options
	breaker *publish.Breaker
	stop    context.CancelFunc // nothing more is sent

	invalid int64 // items since the last message
	results []Result
	vouched vouch

	mu      sync.Mutex
	report  Report
	settled Counts // up to report.Line
	end     int64  // of that line
	frozen  bool   // something before has no outcome that stays
	journal error
}

// Run publishes everything that the source has. The report is true whatever the error says: why the
// source, the broker or the journal failed, or ctx's.
func Run(ctx context.Context, o Options) (Report, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	r := &runner{o: o, breaker: publish.NewBreaker(o.Breaker), stop: stop, report: o.Earlier, settled: o.Earlier.Counts,
		vouched: newVouch(o.Breaker)}
	notify := o.Publisher.Notify
	var p *publish.Publisher[tag]
	ready := make(chan struct{})
	o.Publisher.Notify = func(n publish.Notice) {
		if n.Kind == publish.NoticeLost && o.Publisher.Republish {
			<-ready
			r.repeats(int64(p.InFlight()))
		}
		if notify != nil {
			notify(n)
		}
	}
	p, err := publish.Open(ctx, o.Dialer, o.Publisher, r.settle)
	if err != nil {
		return r.report, err
	}
	close(ready)
	err = r.feed(sending, p)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	_ = p.Close(closing) // what had no outcome by then is in the report as unknown or unsent
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.report.Stopped && ctx.Err() == nil {
		err = nil
	}
	if r.o.Journal != nil {
		err = errors.Join(err, r.o.Journal.note(progress{r.report.Line, r.end, r.settled}, true))
	}
	return r.report, errors.Join(err, r.journal)
}

// feed publishes until the source ends, or ctx does.
func (r *runner) feed(ctx context.Context, p *publish.Publisher[tag]) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		item, err := r.o.Source()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if item.Err != nil {
			r.refuse(item)
			continue
		}
		if err := r.vouched.wait(ctx); err != nil {
			return r.unsent(ctx, item, err)
		}
		done, err := r.breaker.Allow(ctx)
		if err != nil {
			return r.unsent(ctx, item, err)
		}
		if err := p.Publish(ctx, item.Target, item.Message,
			tag{item.Line, item.End, item.ID, r.invalid, done, item.With}); err != nil {
			done(nil)
			return r.unsent(ctx, item, err)
		}
		r.invalid = 0
		r.vouched.sent++
	}
}

// vouch lets no more messages go at first than open the breaker, and the rest when all of these
// have an outcome: a target that takes nothing from the beginning, the usual case, is found out by
// them, and not by a whole window.
type vouch struct {
	first   int64 // so many go ahead
	sent    int64
	settled int64
	all     chan struct{} // closed when they have an outcome
}

func newVouch(o publish.BreakerOptions) vouch {
	return vouch{first: int64(cmp.Or(o.Failures, publish.DefaultBreakerFailures)), all: make(chan struct{})}
}

func (v *vouch) wait(ctx context.Context) error {
	if v.first < 0 || v.sent != v.first {
		return nil
	}
	select {
	case <-v.all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle is for the goroutine that is told outcomes.
func (v *vouch) settle(n int) {
	before := v.settled
	if v.settled += int64(n); before < v.first && v.settled >= v.first {
		close(v.all)
	}
}

// refuse reports an item of which no message could be made.
func (r *runner) refuse(item Item) {
	r.invalid++
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(Result{item.Line, item.ID, Invalid, item.With, item.Err})
}

// unsent reports an item that could not be handed over, unless the run was told to end.
func (r *runner) unsent(ctx context.Context, item Item, err error) error {
	if ctx.Err() == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tell(Result{item.Line, item.ID, Unsent, item.With, err})
	}
	return err
}

func (r *runner) repeats(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Repeats += n
}

// settle takes outcomes, in order.
func (r *runner) settle(batch []publish.Outcome[tag]) {
	r.results = r.results[:0]
	for i := range batch {
		o := &batch[i]
		kind := r.outcome(o.Kind)
		result := Result{Line: o.Tag.line, ID: o.Tag.id, Outcome: kind, With: o.Tag.with}
		if kind.failed() {
			result.Err = o.Err
		}
		r.results = append(r.results, result)
		if kind == Returned || kind == Rejected {
			o.Tag.done(o.Err)
		} else {
			o.Tag.done(nil) // a lost connection says nothing about the target
		}
	}
	defer r.vouched.settle(len(batch))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, x := range r.results {
		r.tell(x)
		r.advance(x, &batch[i].Tag)
	}
	if r.o.Journal == nil || r.journal != nil {
		return
	}
	if r.journal = r.o.Journal.note(progress{r.report.Line, r.end, r.settled}, false); r.journal != nil {
		r.stop()
	}
}

// advance moves the line up to which everything is settled for good. A resumed run tries again what
// has no such outcome, and what ended a run that stops on errors. r.mu is held.
func (r *runner) advance(x Result, t *tag) {
	if x.Outcome == Unknown || x.Outcome == Unsent || r.o.StopOnError && x.Outcome.failed() {
		r.frozen = true
	}
	if r.frozen {
		return
	}
	r.settled.add(x.Outcome)
	r.settled.Invalid += t.invalid
	r.report.Line, r.end = t.line, t.end
}

// tell counts a result. r.mu is held.
func (r *runner) tell(x Result) {
	r.report.add(x.Outcome)
	if x.Outcome.failed() {
		if len(r.report.Failures) < maxFailures {
			r.report.Failures = append(r.report.Failures, x)
		}
		if r.o.StopOnError {
			r.report.Stopped = true
			r.stop()
		}
	}
	if r.o.Settled != nil {
		r.o.Settled(x)
	}
}

func (r *runner) outcome(k publish.OutcomeKind) Outcome {
	switch k {
	case publish.Confirmed:
		return Confirmed
	case publish.Returned:
		switch {
		case r.o.Delayed:
			return Delayed
		case r.o.AllowUnroutable:
			return Unrouted
		}
		return Returned
	case publish.Nacked, publish.Refused:
		return Rejected
	case publish.Unknown:
		return Unknown
	}
	return Unsent
}
