package dispatch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Options say where to take messages from, and how to work on them.
type Options[T any] struct {
	Source   consume.Source
	Queue    string
	Prefetch int    // deliveries in hand; at least Workers is useful
	Tag      string // consumer tag; "" lets the library choose
	Workers  int    // jobs that are worked on at once
	// Ordered keeps the order of each lane, even after a lost connection. The queue is then
	// consumed exclusively.
	Ordered bool
	// Accept returns the value and the key of a job. A job with the key "" has no lane. Only one
	// goroutine calls Accept.
	Accept func(*consume.Delivery) (value T, key string)
	// Work ends the job, or arranges for it to end later. Workers call it concurrently.
	Work func(*Job[T])
	// Idle ends Run when there was nothing to do for that long, counted from the end of the last
	// job and not from its delivery. 0 never ends it. A Subscription that is a consume.Counter is
	// asked first: while the queue has messages, Run waits up to three times as long.
	Idle time.Duration
	// Remaining returns how many more jobs will begin. The broker sends no more messages than that,
	// except for those that Reject returns: the last acknowledgements, of at most the prefetch,
	// wait for the end of Run. Nil is no limit.
	Remaining func() int64
	// Stuck returns how many jobs in hand cannot end for now. While there are no others, Run is idle.
	// Nil is none.
	Stuck func() int64
	// Grace is how long jobs have to end after a stop. If any are left, Abort is called, and they
	// have LastGrace to end.
	Grace time.Duration
	Abort func()
	// Close is called when no job is left or their time is over. It waits for outcomes that are
	// still to come.
	Close     func()
	Reconnect reconnect.Policy
	// Notify is called with events of the connection.
	Notify func(Notice)
}

// Dispatcher takes messages from a queue and hands them to workers. Its methods are safe for
// concurrent use.
//
// The goroutine of Run receives messages and puts jobs into lanes. Workers take jobs from the
// lanes. Another goroutine sends acknowledgements, each time all that are due.
type Dispatcher[T any] struct {
	Options[T]
	lanes *lanes[T]
	stop  context.CancelCauseFunc // of reading

	wake     chan struct{} // something may be acknowledged
	workers  sync.WaitGroup
	stopping atomic.Bool  // nothing new is begun
	enough   atomic.Bool  // no acknowledgement before the end of the consumer
	settled  atomic.Int64 // jobs that ended, except those that were held
	busy     atomic.Int64 // when the last job ended, in nanoseconds since the epoch

	losses    *reconnect.Losses // the reader's own
	connected time.Time         // the reader's own, too: when the present connection began

	mu         sync.Mutex
	failed     error
	reconnects int64
	delayed    map[*Job[T]]delay
	sessions   []*pipeline.Session // with unfinished jobs; the last is the present one
}

var (
	errEnough = errors.New("enough")
	errIdle   = errors.New("nothing more comes")
)

// New returns a dispatcher that has not started. It does no I/O.
func New[T any](o Options[T]) *Dispatcher[T] {
	policy := o.Reconnect
	policy.Transient = pipeline.Transient
	return &Dispatcher[T]{
		Options: o, lanes: newLanes[T](), stop: func(error) {}, wake: make(chan struct{}, 1),
		delayed: map[*Job[T]]delay{}, losses: reconnect.NewLosses(policy),
	}
}

// Run dispatches until ctx ends, no message comes for Idle, or Enough or Fail is called. Jobs then
// have the grace to end; messages whose jobs did not end return to the queue. The error comes from
// Fail, or says why nothing can be received. It is nil if Run ended as requested. Call Run once.
func (d *Dispatcher[T]) Run(ctx context.Context) error {
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d.mu.Lock()
	d.stop = stop
	if d.failed != nil {
		stop(d.failed)
	}
	d.mu.Unlock()
	quit := make(chan struct{})
	var acknowledger sync.WaitGroup
	acknowledger.Go(guarded.Func(func() { d.acknowledge(quit) }))
	for range d.Workers {
		d.workers.Go(guarded.Func(d.work))
	}
	err := d.consume(reading)
	d.drain()
	close(quit)
	acknowledger.Wait()
	err = errors.Join(err, d.settle())
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.failed, err)
}

// Enough ends Run without a failure. Acknowledgements wait until the consumer has ended: otherwise
// the broker would send another message for each. Jobs that have not begun should be held.
func (d *Dispatcher[T]) Enough() {
	d.enough.Store(true)
	d.end(errEnough)
}

// Fail ends Run with an error. If it is called again, the first error counts.
func (d *Dispatcher[T]) Fail(err error) {
	d.mu.Lock()
	if d.failed == nil {
		d.failed = err
	}
	d.mu.Unlock()
	d.stopping.Store(true)
	d.end(err)
}

func (d *Dispatcher[T]) end(cause error) {
	d.mu.Lock()
	stop := d.stop
	d.mu.Unlock()
	stop(cause)
}

// Stopping reports whether no further job should begin.
func (d *Dispatcher[T]) Stopping() bool { return d.stopping.Load() }

// Reconnects returns how often the connection was lost and a new one was tried.
func (d *Dispatcher[T]) Reconnects() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reconnects
}

// consume receives from one subscription after another.
func (d *Dispatcher[T]) consume(ctx context.Context) error {
	s, err := d.subscribe(ctx)
	for {
		if err != nil {
			return unlessAsked(ctx, err)
		}
		d.Notify(Notice{Kind: Connected})
		s, err = d.readAll(ctx, s)
		if ctx.Err() != nil || errors.Is(err, errIdle) || !pipeline.Lost(err) {
			return unlessAsked(ctx, err)
		}
		if d.Reconnect.Attempts < 0 || errors.Is(err, consume.ErrProtocol) {
			return err
		}
		d.Notify(Notice{Kind: Lost, Err: err})
		s.MarkLost()
		d.cancelDelays(s)
		if d.Ordered {
			// Two jobs of a lane must not run at the same time, and neither must the same job
			// twice.
			_ = s.AwaitIdle(ctx) // the end of ctx is handled below
		}
		_ = s.Sub.Close() // gone
		d.mu.Lock()
		d.reconnects++
		d.mu.Unlock()
		if stuck := d.noteLoss(s, err); stuck != nil {
			return stuck
		}
		s, err = d.resubscribe(ctx, err)
	}
}

// busyPause is the pause before another attempt on a queue that has another consumer, busyTime the
// time for such attempts.
const (
	busyPause = 100 * time.Millisecond
	busyTime  = 10 * time.Second
)

// subscribe connects once.
//
// With Ordered, the queue may still have the consumer of a lost connection, perhaps our own. The
// broker is given some time to notice the loss.
func (d *Dispatcher[T]) subscribe(ctx context.Context) (*pipeline.Session, error) {
	narrow := d.narrow()
	o := consume.Options{Queue: d.Queue, Prefetch: d.Prefetch, Tag: d.Tag, Exclusive: d.Ordered}
	if narrow {
		o.Prefetch = 1
	}
	remaining := int64(0)
	if d.Remaining != nil {
		remaining = max(d.Remaining(), 1)
		o.Prefetch = int(min(int64(o.Prefetch), remaining))
	}
	sub, err := backoff.Retry(ctx, func() (consume.Subscription, error) {
		sub, err := d.Source.Subscribe(ctx, o)
		if err != nil && !errors.Is(err, topology.ErrInUse) {
			err = backoff.Permanent(err)
		}
		return sub, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(busyPause)), backoff.WithMaxElapsedTime(busyTime))
	if err != nil {
		return nil, err
	}
	s := pipeline.NewSession(sub, o.Prefetch)
	if narrow {
		s = pipeline.NewNarrowSession(sub, o.Prefetch)
	}
	if d.Remaining != nil {
		s.Cap(remaining)
	}
	d.connected = time.Now()
	d.mu.Lock()
	d.sessions = append(d.unfinished(), s)
	d.mu.Unlock()
	return s, nil
}

func (d *Dispatcher[T]) resubscribe(ctx context.Context, cause error) (*pipeline.Session, error) {
	return reconnect.Open(ctx, d.losses.Series, cause, d.subscribe, func(f reconnect.Failure) {
		d.Notify(Notice{Kind: Failed, Err: f.Err, Attempt: f.Attempt, Wait: f.Wait})
	})
}

// unfinished returns the sessions that still have jobs. The caller holds d.mu.
func (d *Dispatcher[T]) unfinished() (busy []*pipeline.Session) {
	for _, s := range d.sessions {
		if s.Pending() > 0 {
			busy = append(busy, s)
		}
	}
	return busy
}

func (d *Dispatcher[T]) allSessions() []*pipeline.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*pipeline.Session(nil), d.sessions...)
}

// read makes a job of each delivery.
func (d *Dispatcher[T]) read(ctx context.Context, s *pipeline.Session) error {
	for {
		delivery, err := d.next(ctx, s)
		if err != nil {
			return err
		}
		d.hand(s, delivery)
		if s.Narrow() && !d.narrow() {
			return errWiden
		}
	}
}

// hand makes a job of a delivery.
func (d *Dispatcher[T]) hand(s *pipeline.Session, delivery *consume.Delivery) {
	s.Open(delivery.Tag)
	j := &Job[T]{from: d, session: s, tag: delivery.Tag}
	j.Value, j.key = d.Accept(delivery)
	d.lanes.put(j)
}

// next returns the next delivery. It returns errIdle if there was nothing to do for Idle.
func (d *Dispatcher[T]) next(ctx context.Context, s *pipeline.Session) (*consume.Delivery, error) {
	if delivery, ok := s.Sub.TryNext(); ok {
		return &delivery, nil
	}
	if d.Idle <= 0 {
		delivery, err := s.Sub.Next(ctx)
		return &delivery, err
	}
	for rest, asked := d.Idle, 0; ; {
		wait, cancel := context.WithTimeout(ctx, rest)
		delivery, err := s.Sub.Next(wait)
		over := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !over || !errors.Is(err, context.DeadlineExceeded) {
			return &delivery, err
		}
		rest = d.Idle
		if int64(s.Pending()) == d.stuck() {
			rest -= time.Since(time.Unix(0, d.busy.Load()))
		}
		if rest <= 0 {
			asked++
			if end := d.noneComes(ctx, s, asked); end != nil {
				return lastOne(ctx, s, end)
			}
			rest = d.Idle
		}
	}
}

func (d *Dispatcher[T]) stuck() int64 {
	if d.Stuck == nil {
		return 0
	}
	return d.Stuck()
}

// onItsWay is how long a delivery may take that the broker sent before it answered a question.
const onItsWay = 100 * time.Millisecond

// lastOne returns the delivery that came while the question was asked: a count of ready messages
// does not include it. Without one it returns why.
func lastOne(ctx context.Context, s *pipeline.Session, why error) (*consume.Delivery, error) {
	if !errors.Is(why, errIdle) {
		return nil, why
	}
	wait, cancel := context.WithTimeout(ctx, onItsWay)
	defer cancel()
	delivery, err := s.Sub.Next(wait)
	if err != nil && wait.Err() != nil {
		err = why
	}
	return &delivery, err
}

// idleAsks is how many times in a row the broker may count messages without delivering them before
// Run ends as idle.
const idleAsks = 3

// noneComes returns why no further message comes: errIdle, or that the connection is lost. It asks
// for the number of ready messages, because a broker that is gone or slow is silent as well. It
// returns nil if messages may come.
func (d *Dispatcher[T]) noneComes(ctx context.Context, s *pipeline.Session, asked int) error {
	counter, ok := s.Sub.(consume.Counter)
	if !ok {
		return errIdle
	}
	ready, err := counter.Ready(ctx)
	switch {
	case errors.Is(err, consume.ErrLost):
		return err
	case err != nil, ready == 0:
		return errIdle
	case asked < idleAsks:
		return nil
	}
	d.Notify(Notice{Kind: Undelivered, Ready: ready})
	return errIdle
}

func (d *Dispatcher[T]) work() {
	for {
		j, ok := d.lanes.take()
		if !ok {
			return
		}
		d.Work(j)
	}
}

// acknowledge sends all acknowledgements that are due, each time it is woken.
func (d *Dispatcher[T]) acknowledge(quit <-chan struct{}) {
	for {
		select {
		case <-d.wake:
		case <-quit:
			return
		}
		if d.enough.Load() {
			continue // settle does it
		}
		for _, s := range d.allSessions() {
			s.FlushAll()
		}
	}
}
