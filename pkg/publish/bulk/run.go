package bulk

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/publish"
)

// tag is what a run records about a message in flight.
type tag struct {
	line, end int64
	id        string
	// invalid is the number of invalid items immediately before this message.
	invalid int64
	done    func(error)
	with    any
}

// bulkRun is the state of one run.
type bulkRun struct {
	o       Options
	breaker *publish.Breaker
	stop    context.CancelFunc // nothing more is sent

	invalid int64 // items since the last message
	results []Result
	probe   probe

	mu      sync.Mutex
	report  Report
	done    progress // up to report.Line
	reached progress // done, and the failed items behind it
	frozen  bool     // an earlier item has no final outcome
	journal error
}

// Run publishes every message of the source. The error says why the source, the broker or the
// journal failed, or is that of ctx. The report is valid even if the error is not nil.
func Run(ctx context.Context, o Options) (Report, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	earlier := progress{Line: o.Earlier.Line, Counts: o.Earlier.Counts}
	r := &bulkRun{o: o, breaker: publish.NewBreaker(o.Breaker), stop: stop, report: o.Earlier, done: earlier,
		reached: earlier, probe: newProbe(o.Breaker)}
	resent, err := pipeline.BulkPublish[tag]{
		Dialer: o.Dialer, Publisher: o.Publisher, Next: r.next, Settled: r.settle, Unsent: func(i pipeline.BulkItem[tag],
			err error) {
			i.Tag.done(nil)
			r.unsent(sending, i.Tag, err)
		},
	}.Run(sending)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Repeats += resent
	if err == nil && !r.frozen {
		r.keep()
	}
	if r.report.Stopped && ctx.Err() == nil {
		err = nil
	}
	if r.o.Journal != nil {
		err = errors.Join(err, r.o.Journal.note(r.done, true))
	}
	return r.report, errors.Join(err, r.journal)
}

// next returns the next message, once it may be sent.
func (r *bulkRun) next(ctx context.Context) (pipeline.BulkItem[tag], error) {
	var none pipeline.BulkItem[tag]
	item, err := r.o.Source()
	for err == nil && item.Err != nil {
		r.refuse(item)
		if err = ctx.Err(); err == nil {
			item, err = r.o.Source()
		}
	}
	if err != nil {
		return none, err
	}
	t := tag{line: item.Line, end: item.End, id: item.ID, invalid: r.invalid, with: item.With}
	if err = r.probe.wait(ctx); err == nil {
		t.done, err = r.breaker.Allow(ctx)
	}
	if err != nil {
		r.unsent(ctx, t, err)
		return none, err
	}
	r.invalid = 0
	return pipeline.BulkItem[tag]{Target: item.Target, Message: item.Message, Tag: t}, nil
}

// probe first sends only as many messages as open the breaker, and the rest once all of these have
// an outcome. A target that accepts nothing from the start, the usual case, is then detected by
// these messages and not by a whole window.
type probe struct {
	first   int64 // how many messages are sent first
	sent    int64
	settled int64
	all     chan struct{} // closed when they have an outcome
}

func newProbe(o publish.BreakerOptions) probe {
	return probe{first: int64(cmp.Or(o.Failures, publish.DefaultBreakerFailures)), all: make(chan struct{})}
}

// wait waits until one more message may be sent.
func (p *probe) wait(ctx context.Context) error {
	if p.first >= 0 && p.sent == p.first {
		select {
		case <-p.all:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.sent++
	return nil
}

// settle is called by the goroutine that receives outcomes.
func (p *probe) settle(n int) {
	before := p.settled
	if p.settled += int64(n); before < p.first && p.settled >= p.first {
		close(p.all)
	}
}

// refuse reports an item that has no message.
func (r *bulkRun) refuse(item Item) {
	r.invalid++
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(Result{item.Line, item.ID, Invalid, item.With, item.Err})
}

// unsent reports a message that could not be sent, unless the run was told to end.
func (r *bulkRun) unsent(ctx context.Context, t tag, err error) {
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(Result{t.line, t.id, Unsent, t.with, err})
}

// settle processes outcomes, in order.
func (r *bulkRun) settle(batch []publish.Outcome[tag]) {
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
	defer r.probe.settle(len(batch))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, x := range r.results {
		r.tell(x)
		r.advance(x, &batch[i].Tag)
	}
	if r.o.Journal == nil || r.journal != nil {
		return
	}
	if r.journal = r.o.Journal.note(r.done, false); r.journal != nil {
		r.stop()
	}
}

// advance moves the line up to which every item has a final outcome. A resumed run retries items
// without one, and the item that ended a run with StopOnError. It also retries failed items after
// which nothing was confirmed: they may be why the run gave up, and the order stays. r.mu is held.
func (r *bulkRun) advance(x Result, t *tag) {
	if x.Outcome == Unknown || x.Outcome == Unsent || r.o.StopOnError && x.Outcome.failed() {
		r.frozen = true
	}
	if r.frozen {
		return
	}
	r.reached.Counts.add(x.Outcome)
	r.reached.Counts.Invalid += t.invalid
	r.reached.Line, r.reached.End = t.line, t.end
	if !x.Outcome.failed() {
		r.keep()
	}
}

// keep makes the outcomes so far final. r.mu is held.
func (r *bulkRun) keep() { r.done, r.report.Line = r.reached, r.reached.Line }

// tell counts a result and reports it. r.mu is held.
func (r *bulkRun) tell(x Result) {
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

func (r *bulkRun) outcome(k publish.OutcomeKind) Outcome {
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
