package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
)

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
		r.settleWithinGrace(stopWorking)
	}
	if err != nil {
		r.markAllLost()
	}
	err = r.settleAll(err)
	switch {
	case err == nil:
		r.confirmed.Reset()
	case !errors.Is(err, consume.ErrLost):
		err = fmt.Errorf("settle queue %q: %w", r.Queue, errors.Join(err, consume.ErrLost))
	}
	return err
}

func (r *run) stopDeliveries() error {
	ctx, cancel := context.WithTimeout(r.life, r.Timing.Grace)
	defer cancel()
	return r.active.Cancel(ctx, r.active.HoldDelivery)
}

// settleAll returns what is held, session after session, sees that all is applied, and closes. It
// is done for every session whatever becomes of the others; err is what went wrong before.
func (r *run) settleAll(err error) error {
	all := r.allSessions()
	for i, s := range all {
		before := int64(-1)
		if i < len(all)-1 {
			before = r.countReady()
		}
		n, lost := s.Return(r.ReturnBy)
		if lost != nil && err == nil {
			err = lost
		}
		if n > 0 && before >= 0 && err == nil {
			AwaitReady(context.WithoutCancel(r.life), r.Counter, r.Queue, before+n)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.Timing.Grace)
	defer cancel()
	// Only now: on a quorum queue what one session holds hides whether the acknowledgements of
	// another are applied.
	for _, s := range all {
		if err == nil {
			err = s.Settled(ctx)
		}
	}
	if err == nil && r.ReturnBy == ReturnByClose {
		r.awaitApplied(all)
	}
	for _, s := range all {
		_ = s.Sub.Close() // what is left returns with the channel whatever it answers
	}
	return err
}

// What awaitApplied waits at most, and between two counts. The counts of quorum queues are up to
// 4 s late.
const (
	appliedWait = 10 * time.Second
	appliedPoll = 300 * time.Millisecond
)

// awaitApplied waits until the queue counts no more unacknowledged messages than the sessions hold:
// then all acknowledgements are applied. A channel that is closed before forgets those that it has
// not sent to the Raft log yet, and with messages held no consumer count tells (see Settled of
// package amqp). It gives up when other clients hold messages of the queue, too, or nobody counts.
func (r *run) awaitApplied(all []*Session) {
	counter, ok := r.Counter.(UnackedCounter)
	held, acknowledged := int64(0), false
	for _, s := range all {
		held += s.Held()
		acknowledged = acknowledged || s.acknowledged()
	}
	if !ok || held == 0 || !acknowledged {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), appliedWait)
	defer cancel()
	for {
		if n, err := counter.Unacked(ctx, r.Queue); err != nil || n == held {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(appliedPoll):
		}
	}
}

// countReady returns -1 when the number cannot be had.
func (r *run) countReady() int64 {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.Timing.Grace)
	defer cancel()
	return CountReady(ctx, r.Counter, r.Queue)
}

// CountReady returns how many messages are ready in a queue, -1 when that cannot be had, as with
// nil for c.
func CountReady(ctx context.Context, c Counter, queue string) int64 {
	if c == nil {
		return -1
	}
	n, err := c.Ready(ctx, queue)
	if err != nil {
		return -1
	}
	return n
}

// AwaitReady waits until n messages are ready in a queue, for two seconds at most. It is called
// when a session has returned its messages, so that the next session's come behind them: a quorum
// queue puts messages back in the order of their returns.
func AwaitReady(ctx context.Context, c Counter, queue string, n int64) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for CountReady(ctx, c, queue) < n {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// settleWithinGrace gives what is in flight the grace time after an interruption. What is not
// settled then stays in its queue, and may have arrived all the same.
func (r *run) settleWithinGrace(stopWorking func()) {
	ctx, cancel := context.WithTimeout(r.life, r.Timing.Grace)
	defer cancel()
	if r.quiesce(ctx) == nil {
		return
	}
	stopWorking()
	r.endEffect(time.Millisecond)
	_ = r.quiesce(context.WithoutCancel(r.life)) // every job is done now
}
