package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// job is one delivery on its way.
type job struct {
	handle.Job
	session *pipeline.Session
	tag     uint64
	key     string
	verdict *handle.Result // decided before any handler was asked
	begun   any
	open    bool // Begin was told, and End was not
	took    time.Duration
}

// run is one Run under way.
type run struct {
	Options
	publisher *publish.Publisher[*transfer]
	lanes     *lanes
	recent    *recentIDs

	life    context.Context //nolint:containedctx // of handlers and publications, which outlive the caller's by the grace
	endLife context.CancelFunc
	stop    context.CancelCauseFunc // of reading

	wake     chan struct{} // something may be acknowledged
	workers  sync.WaitGroup
	stopping atomic.Bool // nothing new is begun
	attempts atomic.Int64

	mu       sync.Mutex
	report   Report
	failed   error
	delayed  map[*job]*time.Timer // wait in hand, for a retry or for their copy to be sent again
	sessions []*pipeline.Session  // with unfinished jobs; the last is the present one
}

// Run consumes until ctx ends, or as the options say. Then running handlers have the grace to end,
// and what was not handled goes back to the queue. The error is nil when it ended as it was asked
// to, by ctx too. The report is right also with an error.
func Run(ctx context.Context, o Options) (Report, error) {
	o.withDefaults()
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	life, endLife := context.WithCancel(context.WithoutCancel(ctx))
	defer endLife()
	r := &run{
		Options: o, lanes: newLanes(), recent: newRecentIDs(o.Dedupe), life: life, endLife: endLife, stop: stop,
		wake: make(chan struct{}, 1), delayed: map[*job]*time.Timer{},
	}
	if o.Dialer != nil {
		// Before anything is fetched: without a place for failures nothing may be.
		p, err := publish.Open(ctx, o.Dialer, r.publisherOptions(), r.published)
		if err != nil {
			return Report{}, err
		}
		r.publisher = p
	}
	quit := make(chan struct{})
	var acker sync.WaitGroup
	acker.Go(func() { r.acknowledge(quit) })
	for range o.Concurrency {
		r.workers.Go(r.work)
	}
	err := r.consume(reading)
	r.drain()
	close(quit)
	acker.Wait()
	err = errors.Join(err, r.settle())
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report, errors.Join(r.failed, err)
}

func (r *run) publisherOptions() publish.PublisherOptions {
	return publish.PublisherOptions{
		Window: max(r.Prefetch, publish.DefaultWindow), Republish: true, ReconnectDelay: r.ReconnectDelay,
		ReconnectAttempts: r.ReconnectAttempts,
		Notify:            func(n publish.Notice) { r.publisherNotice(n) },
	}
}

func (r *run) publisherNotice(n publish.Notice) {
	kind, text := NoticeReconnecting, fmt.Sprintf("the connection that publishes was lost: %v", n.Err)
	switch n.Kind {
	case publish.NoticeBlocked:
		kind, text = NoticePaused, fmt.Sprintf("retries and dead letters wait: %v", n.Err)
	case publish.NoticeUnblocked:
		kind, text = NoticeResumed, "the broker takes messages again"
	case publish.NoticeRestored:
		kind, text = NoticeConnected, "connected again to publish"
	case publish.NoticeRetry:
		text = fmt.Sprintf("connecting to publish, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	}
	r.Observer.Notice(Notice{Kind: kind, Text: text, Publishing: true})
}

func (r *run) notice(kind NoticeKind, format string, args ...any) {
	r.Observer.Notice(Notice{Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// consume receives from one subscription after another.
func (r *run) consume(ctx context.Context) error {
	s, err := r.subscribe(ctx)
	for {
		if err != nil {
			return unlessAsked(ctx, err)
		}
		r.notice(NoticeConnected, "consuming from queue %s", r.Plan.Queue)
		err = r.read(ctx, s)
		if ctx.Err() != nil || errors.Is(err, errIdle) || !errors.Is(err, consume.ErrLost) &&
			!errors.Is(err, consume.ErrCancelled) {
			return unlessAsked(ctx, err)
		}
		if r.ReconnectAttempts < 0 {
			return err
		}
		r.notice(NoticeReconnecting, "%v; what was in hand comes again", err)
		s.MarkLost()
		r.cancelDelays(s)
		if r.Key != nil {
			// Two of a key must not be handled at once, not even one twice.
			_ = s.AwaitIdle(ctx) // if ctx ends first, that is seen below
		}
		_ = s.Sub.Close() // gone
		r.mu.Lock()
		r.report.Reconnects++
		r.mu.Unlock()
		s, err = r.resubscribe(ctx, err)
	}
}

// unlessAsked is nil for an end that was asked for.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, errIdle) {
		return nil //nolint:nilerr // it is the consequence of what was asked for
	}
	return err
}

// Pauses before a queue is tried again that has another consumer, and for how long it is.
const (
	busyPause = 100 * time.Millisecond
	busyTime  = 10 * time.Second
)

// subscribe connects once.
//
// A queue whose order matters is consumed by no other: two consumers would overtake each
// other, and so would a new one what the broker has not yet taken back from one that is gone. That
// one may be our own, so it is waited for.
func (r *run) subscribe(ctx context.Context) (*pipeline.Session, error) {
	o := consume.Options{Queue: r.Plan.Queue, Prefetch: r.Prefetch, Tag: r.Tag, Exclusive: r.Key != nil}
	sub, err := backoff.Retry(ctx, func() (consume.Subscription, error) {
		sub, err := r.Source.Subscribe(ctx, o)
		if err != nil && !errors.Is(err, topology.ErrInUse) {
			err = backoff.Permanent(err)
		}
		return sub, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(busyPause)), backoff.WithMaxElapsedTime(busyTime))
	if err != nil {
		return nil, err
	}
	s := pipeline.NewSession(sub, r.Prefetch)
	r.mu.Lock()
	r.sessions = append(r.forgetFinished(), s)
	r.mu.Unlock()
	return s, nil
}

// resubscribe goes on after a lost connection.
func (r *run) resubscribe(ctx context.Context, cause error) (*pipeline.Session, error) {
	p := reconnect.Policy{Delay: r.ReconnectDelay, Attempts: r.ReconnectAttempts, Transient: transient}
	return reconnect.Open(ctx, p.Start(), cause, r.subscribe, func(f reconnect.Failure) {
		r.notice(NoticeReconnecting, "connecting, attempt %d in %s: %v", f.Attempt, f.Wait, f.Err)
	})
}

func transient(err error) bool {
	return errors.Is(err, consume.ErrLost) || errors.Is(err, topology.ErrUnreachable)
}

// forgetFinished returns the sessions that still have jobs. r.mu is held.
func (r *run) forgetFinished() (busy []*pipeline.Session) {
	for _, s := range r.sessions {
		if s.Pending() > 0 {
			busy = append(busy, s)
		}
	}
	return busy
}

// read hands on what comes.
func (r *run) read(ctx context.Context, s *pipeline.Session) error {
	for {
		d, err := r.next(ctx, s)
		if err != nil {
			return err
		}
		s.Open(d.Tag)
		r.lanes.put(r.newJob(s, d))
	}
}

// next receives, and says so when there is nothing to do for too long.
func (r *run) next(ctx context.Context, s *pipeline.Session) (*consume.Delivery, error) {
	if d, ok := s.Sub.TryNext(); ok {
		return &d, nil
	}
	if r.Idle <= 0 {
		d, err := s.Sub.Next(ctx)
		return &d, err
	}
	for {
		wait, cancel := context.WithTimeout(ctx, r.Idle)
		d, err := s.Sub.Next(wait)
		over := wait.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil || !over || !errors.Is(err, context.DeadlineExceeded):
			return &d, err
		case s.Pending() == 0:
			return nil, errIdle
		}
	}
}

func (r *run) newJob(s *pipeline.Session, d *consume.Delivery) *job {
	m := &d.Message
	j := &job{session: s, tag: d.Tag, Job: handle.Job{Message: m, Tag: d.Tag, By: r.Handler.Name()}}
	j.Attempt = message.AttemptsMade(m, r.Plan.Queue, r.Plan.Native) + 1
	m.Exchange, m.RoutingKey = message.PublishedAs(m, r.Plan.Queue)
	j.Last = r.Plan.Last(j.Attempt)
	j.Type, j.verdict = r.Type(m)
	switch {
	case r.Key != nil:
		j.key = r.Key(m)
	case r.recent != nil && m.MessageID != "":
		j.key = m.MessageID // of two that are the same, the second must know what became of the first
	}
	return j
}

// acknowledge sends what is due, all that has come together since the last time at once.
func (r *run) acknowledge(quit <-chan struct{}) {
	for {
		select {
		case <-r.wake:
		case <-quit:
			return
		}
		if r.Limit > 0 && r.attempts.Load() >= r.Limit {
			continue // settle does, behind the end of the consumer: the broker would send another for each
		}
		r.mu.Lock()
		all := append([]*pipeline.Session(nil), r.sessions...)
		r.mu.Unlock()
		for _, s := range all {
			s.FlushAll()
		}
	}
}

// wakeAcknowledger wakes the acknowledger.
func (r *run) wakeAcknowledger() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fail ends the run in good order.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stopping.Store(true)
	r.stop(err)
}
