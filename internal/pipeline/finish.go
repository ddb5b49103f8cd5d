package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
)

// finish stops deliveries, waits for what is in flight, returns what is held, and closes the
// sessions. The error wraps consume.ErrLost if the broker may not have applied everything.
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

// settleAll returns held messages, session by session, waits until everything is applied, and
// closes the sessions. An error in one session does not stop the others. err is an earlier error.
func (r *run) settleAll(err error) error {
	all := r.allSessions()
	for i, s := range all {
		before := int64(-1)
		if i < len(all)-1 {
			before = r.countReady()
		}
		n, lost := r.returnHeld(s)
		if lost != nil && err == nil {
			err = lost
		}
		if n > 0 && before >= 0 && err == nil {
			AwaitReady(context.WithoutCancel(r.life), r.Counter, r.Queue, before+n)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.Timing.Grace)
	defer cancel()
	// Only now: on a quorum queue, the messages that one session holds hide whether the
	// acknowledgements of another are applied.
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

// returnHeld returns the held messages of a session. A broker that does not answer holds it up for
// the grace time at most.
func (r *run) returnHeld(s *Session) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.Timing.Grace)
	defer cancel()
	return s.ReturnAll(ctx, r.ReturnBy, r.Counter, r.Queue)
}

// appliedWait is the longest time that awaitApplied waits, appliedPoll its pause between two counts
// (fact totals-are-late).
const (
	appliedWait = 10 * time.Second
	appliedPoll = 300 * time.Millisecond
)

// awaitApplied waits until the queue counts as many unacknowledged messages as the sessions hold:
// all acknowledgements are then applied (fact acks-lost-on-close). While messages are held, the
// consumer count says nothing (see Settled in package amqp). awaitApplied gives up if other clients
// hold messages of the queue, too, or if the count is not available.
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
		n, err := counter.Unacked(ctx, r.Queue)
		if err == nil && n == held {
			return
		}
		if err != nil && ctx.Err() == nil {
			r.notice(report.NoticeUnsure, fmt.Sprintf("%s: %v", r.mayReturn(), err))
			return
		}
		select {
		case <-ctx.Done():
			r.notice(report.NoticeUnsure, fmt.Sprintf("%s: after %s it counts %d as unacknowledged, and this command holds "+
				"%d (another consumer may hold the others)", r.mayReturn(), appliedWait, n, held))
			return
		case <-time.After(appliedPoll):
		}
	}
}

// mayReturn returns a text for a broker that may not have applied all acknowledgements.
func (r *run) mayReturn() string {
	return fmt.Sprintf("the broker was not seen to apply all acknowledgements of queue %q: messages that are done may "+
		"come back to it", r.Queue)
}

// countReady returns the number of ready messages, or -1 if it is not available.
func (r *run) countReady() int64 {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.life), r.Timing.Grace)
	defer cancel()
	return CountReady(ctx, r.Counter, r.Queue)
}

// CountReady returns the number of ready messages in a queue, or -1 if it is not available or c is
// nil.
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

// AwaitReady waits until n messages are ready in a queue, for at most two seconds, and reports
// whether they are. Call it after messages were returned, so that those returned next come after
// them (fact returns-before-all).
func AwaitReady(ctx context.Context, c Counter, queue string, n int64) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for CountReady(ctx, c, queue) < n {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}

// settleWithinGrace waits for messages in flight after an interruption, for the grace time. A
// message that is not settled by then stays in its queue, and may have arrived as well.
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
