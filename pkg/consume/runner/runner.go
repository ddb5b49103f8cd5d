package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline/dispatch"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// job is one delivery being processed.
type job = dispatch.Job[attempt]

// attempt is the input of a handler, with the state of the attempt.
type attempt struct {
	handle.Attempt
	decided *handle.Result // decided before any handler was asked
	typed   bool           // Type was asked
	begun   any
	open    bool // Begin was called, and End was not
	took    time.Duration
}

// run is the state of one Run.
type run struct {
	Options
	publisher  *publish.Publisher[*transfer]
	dispatcher *dispatch.Dispatcher[attempt]
	recent     *recentIDs

	asked context.Context //nolint:containedctx // the caller's: nothing new is begun when it has ended
	life  context.Context //nolint:containedctx // of handlers and publications, which outlive the caller's by the grace

	attempts atomic.Int64
	stuck    atomic.Int64 // copies that were not confirmed and are published again

	mu     sync.Mutex
	report Report
}

// Run consumes until ctx ends or an option ends the run. Then running handlers have o.Grace to
// finish, and messages that were not handled go back to the queue. The error is nil when the run
// ended as requested, including by ctx. The report is valid even if the error is not nil.
func Run(ctx context.Context, o Options) (Report, error) {
	o.withDefaults()
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	defer endLife()
	r := &run{Options: o, recent: newRecentIDs(o.Dedupe), asked: ctx, life: life}
	r.dispatcher = dispatch.New(r.dispatchOptions(endLife))
	if o.Dialer != nil {
		// Open the publisher before fetching any message: without it, failures have no destination.
		p, err := publish.Open(ctx, o.Dialer, r.publisherOptions(), r.published)
		if err != nil {
			return Report{}, err
		}
		r.publisher = p
	}
	err := r.dispatcher.Run(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Reconnects = r.dispatcher.Reconnects()
	return r.report, err
}

func (r *run) dispatchOptions(endLife func()) dispatch.Options[attempt] {
	o := dispatch.Options[attempt]{
		Source: r.Source, Queue: r.Retry.Queue, Prefetch: r.Prefetch, Tag: r.Tag, Workers: r.Concurrency,
		Ordered: r.Key != nil, Accept: r.accept, Work: r.work, Idle: r.Idle, Grace: r.Grace, Abort: endLife,
		Close: func() {
			r.closePublisher()
			endLife()
		},
		Stuck:     r.stuck.Load,
		Reconnect: reconnect.Policy{Delay: r.ReconnectDelay, Attempts: r.ReconnectAttempts},
		Notify:    r.connectionNotice,
	}
	if r.Limit > 0 {
		o.Remaining = func() int64 { return r.Limit - r.attempts.Load() }
	}
	return o
}

func (r *run) closePublisher() {
	if r.publisher == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dispatch.LastGrace)
	defer cancel()
	_ = r.publisher.Close(ctx) // every copy has its own outcome
}

// accept returns the attempt for a delivery, and its key.
func (r *run) accept(d *consume.Delivery) (attempt, string) {
	m := &d.Message
	a := attempt{Attempt: handle.Attempt{Message: m, Tag: d.Tag, By: r.Handler.Name(), Number: 1, Last: r.Retry.Last(1)}}
	if err := guarded.Call(func() {
		a.Number = message.AttemptsMade(m, r.Retry.Queue, r.Retry.Native) + 1
		m.Exchange, m.RoutingKey = message.PublishedAs(m, r.Retry.Queue)
	}); err != nil {
		a.decided = r.unfit(err)
	}
	a.Type, a.Last = m.Type, r.Retry.Last(a.Number)
	switch {
	case r.Key != nil:
		key, err := guarded.Within(r.asked, r.CheckTimeout, func() string { return r.Key(m) })
		if err != nil {
			a.decided = r.unfit(err)
		}
		return a, key
	case r.recent != nil:
		return a, m.MessageID // of two identical messages, the second needs the outcome of the first
	}
	return a, ""
}

// check calls Type, and returns what it decided: nil if the message is fit to be handled. A check
// that gave no answer is made again at the next attempt.
func (r *run) check(a *attempt) *handle.Result {
	if r.Type == nil || a.typed || a.decided != nil {
		return a.decided
	}
	type outcome struct {
		name   string
		result *handle.Result
	}
	m := *a.Message // a check that timed out keeps running
	o, err := guarded.Within(r.life, r.CheckTimeout, func() (o outcome) {
		o.name, o.result = r.Type(&m)
		return o
	})
	if err != nil {
		return r.unfit(err)
	}
	a.typed, a.Type, a.decided = true, o.name, o.result
	return a.decided
}

// unfit returns the result for a message whose Key or Type could not be determined.
func (r *run) unfit(err error) *handle.Result {
	res := handle.Stopped()
	var panicked *guarded.Panic
	switch {
	case errors.As(err, &panicked):
		res = handle.Never(handle.ErrorPanic, fmt.Sprint(panicked.Value))
	case errors.Is(err, context.DeadlineExceeded):
		res = handle.Again(handle.ErrorTimeout, fmt.Sprintf("the check of the message did not end within %s",
			r.CheckTimeout))
	}
	return &res
}

// unlessStopping ends the run with err, unless the run is already stopping.
func (r *run) unlessStopping(err error) {
	if !r.dispatcher.Stopping() && r.life.Err() == nil {
		r.dispatcher.Fail(err)
	}
}
