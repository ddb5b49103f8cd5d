package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
)

// ReturnBy is the way in which messages return to the queue.
type ReturnBy uint8

const (
	// ReturnByNack sends one basic.nack with multiple and requeue for each session.
	ReturnByNack ReturnBy = iota
	// ReturnByClose closes the channel, which returns messages to the head where a nack sends them
	// to the tail (fact nacks-without-limit).
	ReturnByClose
	// ReturnNothing returns nothing. It is for streams, whose messages stay anyway.
	ReturnNothing
	// ReturnByNacks sends a basic.nack for every few messages (fact large-nack-reorders).
	ReturnByNacks
)

// Nacks reports whether messages return by nacks, and not with their channel.
func (r ReturnBy) Nacks() bool { return r == ReturnByNack || r == ReturnByNacks }

// nackSize is how many messages one nack of ReturnByNacks returns, nackBurst how many such nacks
// follow each other. A channel merges nacks that the queue is behind with: it holds 32 back.
const (
	nackSize  = 32
	nackBurst = 16
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

// Return sends the acknowledgements that are due. With ReturnByNack it also returns everything that
// is not done, with one nack. With ReturnByNacks it returns only the next messages; more reports
// that there are others, which must not be returned before the queue has got these back. returned
// is the number of messages that it returned. The error is consume.ErrLost if the connection is
// lost.
func (s *Session) Return(by ReturnBy) (returned int64, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capped = false
	s.flushAll()
	if s.lost {
		return 0, false, consume.ErrLost
	}
	return s.giveBack(by)
}

// giveBack is Return for what is not done. The caller holds the lock.
func (s *Session) giveBack(by ReturnBy) (returned int64, more bool, err error) {
	last := s.ledger.lastUnsettled()
	switch {
	case last == 0 || !by.Nacks():
		return 0, false, nil
	case by == ReturnByNack:
		return s.ledger.heldCount, false, s.Sub.Nack(last, true, true)
	}
	tags := s.ledger.unsettledAfter(s.nacked, nackSize*nackBurst)
	for group := range slices.Chunk(tags, nackSize) {
		s.nacked = group[len(group)-1]
		if err := s.Sub.Nack(s.nacked, true, true); err != nil {
			return returned, false, err
		}
		returned += int64(len(group))
	}
	return returned, s.nacked < last, nil
}

// ReturnAll is like Return, but returns everything: after each part of ReturnByNacks it waits until
// the queue has it back. c counts in that queue. Without c, the subscription counts if it can.
// ReturnAll returns the rest without waiting once nothing counts or ctx has ended. It does so, too,
// if a part was not seen to be back in time, because other consumers may have taken it.
func (s *Session) ReturnAll(ctx context.Context, by ReturnBy, c Counter, queue string) (returned int64, err error) {
	return s.returnParts(ctx, by, c, queue, s.Return)
}

func (s *Session) returnParts(ctx context.Context, by ReturnBy, c Counter, queue string,
	part func(ReturnBy) (int64, bool, error)) (returned int64, err error) {
	if own, ok := s.Sub.(consume.Counter); ok && c == nil {
		c = ownCounter{own}
	}
	wait := by == ReturnByNacks
	for more := true; more; {
		before := int64(-1)
		if wait {
			before = CountReady(ctx, c, queue)
		}
		var n int64
		n, more, err = part(by)
		if returned += n; err != nil {
			return returned, err
		}
		wait = more && before >= 0 && AwaitReady(ctx, c, queue, before+n)
	}
	return returned, nil
}

// ownCounter is a subscription as the counter of its queue. It takes an empty queue and a leader that
// does not answer for the same: AwaitReady asks again.
type ownCounter struct{ consume.Counter }

// Ready implements Counter.
func (o ownCounter) Ready(ctx context.Context, _ string) (int64, error) {
	n, err := o.Counter.Ready(ctx)
	return int64(max(n, 0)), err
}

// ReturnAndClose closes a session that is lost, as far as known. If the connection is still there
// after all, it returns messages as ReturnAll does: a close counts towards a delivery limit.
func (s *Session) ReturnAndClose(ctx context.Context, by ReturnBy) {
	// An error is likely: the connection is gone.
	_, _ = s.returnParts(ctx, by, nil, "", func(by ReturnBy) (int64, bool, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.giveBack(by)
	})
	_ = s.Sub.Close()
}

// applyTime is the time that the broker has to apply the last acknowledgements before CloseInOrder
// closes a channel whose consumer was not cancelled. The wait proves nothing: a message whose
// acknowledgement takes longer is delivered again.
const applyTime = 500 * time.Millisecond

// CloseInOrder returns what is not done in the order of the queue. On a quorum queue, this takes a
// close without a cancellation before it. A cancellation returns messages in transit before those
// in hand, and a nack may send messages to the tail (fact nacks-without-limit).
func (s *Session) CloseInOrder() error {
	s.Uncap()
	s.FlushAll()
	if s.Lost() {
		return consume.ErrLost
	}
	time.Sleep(applyTime)
	return s.Sub.Close()
}
