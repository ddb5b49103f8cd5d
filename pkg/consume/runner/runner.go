package runner

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/dispatch"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// job is one delivery on its way.
type job = dispatch.Job[attempt]

// attempt is what a handler is to do, and what is known of it.
type attempt struct {
	handle.Job
	verdict *handle.Result // decided before any handler was asked
	begun   any
	open    bool // Begin was told, and End was not
	took    time.Duration
}

// run is one Run under way.
type run struct {
	Options
	publisher  *publish.Publisher[*transfer]
	dispatcher *dispatch.Dispatcher[attempt]
	recent     *recentIDs

	life context.Context //nolint:containedctx // of handlers and publications, which outlive the caller's by the grace

	attempts atomic.Int64

	mu     sync.Mutex
	report Report
}

// Run consumes until ctx ends, or as the options say. Then running handlers have the grace to end,
// and what was not handled goes back to the queue. The error is nil when it ended as it was asked
// to, by ctx too. The report is right also with an error.
func Run(ctx context.Context, o Options) (Report, error) {
	o.withDefaults()
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	defer endLife()
	r := &run{Options: o, recent: newRecentIDs(o.Dedupe), life: life}
	r.dispatcher = dispatch.New(r.dispatchOptions(endLife))
	if o.Dialer != nil {
		// Before anything is fetched: without a place for failures nothing may be.
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
	return dispatch.Options[attempt]{
		Source: r.Source, Queue: r.Plan.Queue, Prefetch: r.Prefetch, Tag: r.Tag, Workers: r.Concurrency,
		Ordered: r.Key != nil, Accept: r.accept, Work: r.work, Idle: r.Idle, Grace: r.Grace, Abort: endLife,
		Close: func() {
			r.closePublisher()
			endLife()
		},
		Reconnect: reconnect.Policy{Delay: r.ReconnectDelay, Attempts: r.ReconnectAttempts},
		Notify:    r.connectionNotice,
	}
}

func (r *run) closePublisher() {
	if r.publisher == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dispatch.LastGrace)
	defer cancel()
	_ = r.publisher.Close(ctx) // every copy has its own outcome
}

// accept reads from a delivery what its attempt is, and its key.
func (r *run) accept(d *consume.Delivery) (attempt, string) {
	m := &d.Message
	a := attempt{Job: handle.Job{Message: m, Tag: d.Tag, By: r.Handler.Name()}}
	a.Attempt = message.AttemptsMade(m, r.Plan.Queue, r.Plan.Native) + 1
	m.Exchange, m.RoutingKey = message.PublishedAs(m, r.Plan.Queue)
	a.Last = r.Plan.Last(a.Attempt)
	a.Type, a.verdict = r.Type(m)
	switch {
	case r.Key != nil:
		return a, r.Key(m)
	case r.recent != nil:
		return a, m.MessageID // of two that are the same, the second must know what became of the first
	}
	return a, ""
}

// unlessStopping ends the run with an error, except that of a publisher that is being closed.
func (r *run) unlessStopping(err error) {
	if !r.dispatcher.Stopping() && r.life.Err() == nil {
		r.dispatcher.Fail(err)
	}
}
