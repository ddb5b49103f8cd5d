package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Windows.
const (
	// defaultPrefetch keeps client and broker from waiting for each other: with a classic queue,
	// 1,000 is 0.83 to 0.9 of it (4.3.6).
	defaultPrefetch = 2500
	// quorumPrefetch is all that helps with a quorum queue: on 4.0.5 one has the more work with a
	// message the more are unsettled, and 2,500 are 0.66 to 0.76 of it. On 4.3.6 it is the same
	// with both.
	quorumPrefetch = 1000
	// unknownPrefetch is for messages of unknown size.
	unknownPrefetch = 1000
	// prefetchBytes is what a window of messages of average size may take.
	prefetchBytes = 16 << 20
	// maxPrefetch and windowBytes bound the further windows of a run that holds very many messages:
	// a connection has 2,047 channels, and the client library buffers what is delivered and not yet
	// read.
	maxPrefetch = 20000
	windowBytes = 8 << 20
)

// prefetchOf returns the prefetch for messages that are so large on average, in a queue of that
// type.
func prefetchOf(queueType string, mean int64) int {
	if mean <= 0 {
		return unknownPrefetch
	}
	most := int64(defaultPrefetch)
	if queueType == topology.Quorum {
		most = quorumPrefetch
	}
	return int(min(max(prefetchBytes/mean, 2), most))
}

// window grows once a window was filled with held messages.
func (r *run) window() int {
	if len(r.parked) == 0 || r.looked == 0 {
		return r.prefetch
	}
	fits := windowBytes / (r.bytes/r.looked + 512)
	return int(min(max(fits, int64(r.prefetch)), max(maxPrefetch, int64(r.prefetch))))
}

func (r *run) subscribe(ctx context.Context) error {
	o := consume.Options{Queue: r.queue, Prefetch: r.window()}
	if r.stream {
		o.Offset = r.offset
		if r.next > 0 {
			o.Offset = r.next
		}
	}
	sub, err := r.openWindow(ctx, o)
	if err != nil {
		return err
	}
	r.active = pipeline.NewSession(sub, o.Prefetch)
	r.mu.Lock()
	r.all = append(r.all, r.active)
	r.mu.Unlock()
	return nil
}

// openWindow shares the connection of the windows that hold messages, where the source can.
func (r *run) openWindow(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	if n := len(r.parked); n > 0 {
		if s, ok := r.parked[n-1].Sub.(Sharer); ok {
			return s.Share(ctx, o)
		}
	}
	return r.source.Subscribe(ctx, o)
}

// subscribeAgain subscribes in the middle of a run, and takes a lost connection as what it is.
func (r *run) subscribeAgain(ctx context.Context) error {
	err := r.subscribe(ctx)
	if err != nil && transient(err) {
		return r.recover(ctx)
	}
	return err
}

func (r *run) everySession() []*pipeline.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*pipeline.Session(nil), r.all...)
}

func transient(err error) bool {
	return errors.Is(err, consume.ErrLost) || errors.Is(err, topology.ErrUnreachable)
}

// recover goes on after a lost connection: it waits until nothing is in flight, so that what
// arrived at the targets is known, and subscribes again.
func (r *run) recover(ctx context.Context) error {
	r.notice(NoticeReconnecting, "the connection to the broker was lost; reconnecting")
	r.loseAll()
	if err := r.quiesce(ctx); err != nil {
		return err
	}
	for _, s := range r.everySession() {
		s.ReturnAndClose()
		r.awaited += s.Held()
	}
	r.forgetSessions()
	if err := r.reconnect(ctx); err != nil {
		return err
	}
	r.notice(NoticeReconnected, "connected again")
	return nil
}

// loseAll makes acknowledgements vain, and notes what had been delivered and not looked at.
func (r *run) loseAll() {
	for _, s := range r.everySession() {
		s.MarkLost()
	}
	for {
		d, ok := r.active.Sub.TryNext()
		if !ok {
			return
		}
		r.seen.unread(r.printer.of(&d.Message))
		r.awaited++
	}
}

// quiesce waits until no job is under way.
func (r *run) quiesce(ctx context.Context) error {
	for r.inFlight() > 0 {
		select {
		case <-r.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) inFlight() (n int) {
	for _, s := range r.everySession() {
		n += s.Pending()
	}
	return n
}

func (r *run) forgetSessions() {
	r.seen.lost()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all, r.parked, r.active = nil, nil, nil
	if !r.stream {
		r.tally.forgetStayed()
		r.taken, r.tried, r.barriered = r.tally.done, r.tally.done, r.tally.done
	}
}

// reconnect subscribes again.
func (r *run) reconnect(ctx context.Context) error {
	p := reconnect.Policy{Delay: r.timing.delay, Attempts: r.timing.attempts, Transient: transient, Patience: r.timing.stall}
	if p.Attempts < 0 {
		p.Attempts = 1 // what is confirmed has to leave its queue: that is tried once
	}
	_, err := reconnect.Open(ctx, p.Start(), consume.ErrLost, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.subscribe(ctx)
	}, nil)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("go on with queue %q: %w", r.queue, err)
	}
	return err
}

// finish stops deliveries, waits for what is in flight, returns what is held, and closes. It wraps
// ErrLost when the broker may not have applied everything.
func (r *run) finish(ctx context.Context, stopWorking func()) error {
	if r.active == nil { // reconnecting failed
		return nil
	}
	if ctx.Err() != nil {
		r.stopping.Store(true)
	}
	err := r.stopDeliveries()
	if r.quiesce(ctx) != nil {
		r.stopping.Store(true)
		r.settleInTime(stopWorking)
	}
	if err != nil {
		r.loseAll()
	}
	err = r.settleAll(err)
	switch {
	case err == nil:
		r.seen.settled()
	case !errors.Is(err, consume.ErrLost):
		err = fmt.Errorf("settle queue %q: %w", r.queue, errors.Join(err, consume.ErrLost))
	}
	return err
}

func (r *run) stopDeliveries() error {
	ctx, cancel := context.WithTimeout(r.life, r.timing.grace)
	defer cancel()
	return r.active.Cancel(ctx, r.active.HoldDelivery)
}

// settleAll returns what is held, window after window, sees that all is applied, and closes. It is
// done for every window whatever becomes of the others; err is what went wrong before.
func (r *run) settleAll(err error) error {
	all := r.everySession()
	for i, s := range all {
		before := int64(-1)
		if i < len(all)-1 {
			before = r.countReady()
		}
		n, lost := s.Return(r.giveBy)
		if lost != nil && err == nil {
			err = lost
		}
		if n > 0 && before >= 0 && err == nil {
			r.awaitReady(before + n)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.timing.grace)
	defer cancel()
	// only now: on a quorum queue one window hides whether the acknowledgements of another are
	// applied
	for _, s := range all {
		if err == nil {
			err = s.Settled(ctx)
		}
	}
	for _, s := range all {
		_ = s.Sub.Close() // what is left returns with the channel whatever it answers
	}
	return err
}

// countReady is -1 when that is not to be known.
func (r *run) countReady() int64 {
	if r.counter == nil {
		return -1
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.timing.grace)
	defer cancel()
	n, err := r.counter.Ready(ctx, r.queue)
	if err != nil {
		return -1
	}
	return n
}

// awaitReady waits for a moment until a window is back in its queue, so that the next one comes
// behind it: a quorum queue puts messages back in the order in which they are returned (seen on
// 4.0.5 and 4.3.6).
func (r *run) awaitReady(n int64) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline) && r.countReady() < n; {
		time.Sleep(5 * time.Millisecond)
	}
}

// settleInTime gives what is in flight the grace time after an interruption. What is not settled
// then stays in its queue, and may have arrived all the same.
func (r *run) settleInTime(stopWorking func()) {
	ctx, cancel := context.WithTimeout(r.life, r.timing.grace)
	defer cancel()
	if r.quiesce(ctx) == nil {
		return
	}
	stopWorking()
	r.endEffect(time.Millisecond)
	_ = r.quiesce(context.WithoutCancel(r.life)) // every job is done now
}

// mopUp acknowledges again what was confirmed and came back, because the connection broke before
// its acknowledgements were applied. Nothing is sent. What comes back stands at the head of the
// queue.
func (r *run) mopUp(ctx context.Context) error {
	r.notice(NoticeReconnecting, "the connection was lost at the end; reconnecting to make sure that nothing confirmed "+
		"stays in the queue")
	ctx, cancel := context.WithTimeout(ctx, 4*r.timing.grace)
	defer cancel()
	for _, s := range r.everySession() {
		r.awaited += s.Held()
	}
	before := r.tallyNow()
	r.forgetSessions()
	r.restoreTally(before)
	if err := r.reconnect(ctx); err != nil {
		return err
	}
	return r.mop(ctx)
}

// readAll reads to the end, and then what came back meanwhile: what was confirmed before a loss
// does not count, so reading may end before all of that was seen.
func (r *run) readAll(ctx context.Context) error {
	r.mopping = false
	if err := r.read(ctx); err != nil || r.stopping.Load() {
		return err
	}
	return r.mop(ctx)
}

// mop looks for what was confirmed and came back, as far as it can be: what came back stands before
// everything else.
func (r *run) mop(ctx context.Context) error {
	if r.stream {
		return nil // nothing leaves a stream
	}
	r.mopping = true
	for most := r.awaited + int64(r.seen.open()); most > 0 && r.seen.open() > 0; most-- {
		d, err := r.receive(ctx)
		switch {
		case errors.Is(err, errDrained), lost(err):
			return nil
		case errors.Is(err, errCrowded):
			err = r.rotate(ctx)
		case err == nil:
			err = r.take(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) tallyNow() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}

func (r *run) restoreTally(t tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally = t
}
