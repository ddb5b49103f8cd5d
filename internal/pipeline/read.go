package pipeline

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// read takes messages until the snapshot is complete, the queue is empty, or ctx ends. It continues
// after a lost connection.
func (r *run) read(ctx context.Context) error {
	ended := int64(-1) // messages read when the queue last seemed to be empty
	for r.wantsMore() {
		d, err := r.receive(ctx)
		if err != nil {
			if done, err := r.afterSilence(ctx, err, &ended); done || err != nil {
				return err
			}
			continue
		}
		if err := r.take(ctx, d); err != nil {
			return err
		}
		widen := r.active.narrow && !r.narrow()
		if r.wantsMore() && (widen || r.active.Crowded() || r.sinceBarrier() >= barrierEvery) {
			if err := r.rotate(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// wantsMore reports whether the run needs another delivery.
func (r *run) wantsMore() bool {
	return !r.atEnd && r.taken < r.Total && (r.Limit <= 0 || r.attempted < r.Limit)
}

// afterSilence decides how to continue after receive returned cause instead of a delivery. done
// means that no more deliveries are expected. ended is how many messages were read when the queue
// last seemed to be empty.
func (r *run) afterSilence(ctx context.Context, cause error, ended *int64) (done bool, err error) {
	switch {
	case errors.Is(cause, errDrained):
		if *ended == r.received || r.Stream || r.confirmedOnly {
			return true, nil
		}
		*ended = r.received
		more, err := r.checkAgain(ctx)
		return !more, err
	case errors.Is(cause, errCrowded):
		return false, r.rotate(ctx)
	case Lost(cause):
		return false, r.recover(ctx, cause)
	}
	return true, cause
}

// checkAgain continues with another subscription if the queue seems to be empty, or delivers
// nothing, before the snapshot is complete. A busy quorum queue can take seconds between counting
// messages as delivered and sending them (seen under a memory alarm). Messages in transit arrive
// before the end of a consumer is confirmed. more reports whether reading on is worthwhile.
func (r *run) checkAgain(ctx context.Context) (more bool, err error) {
	before, unreachable := r.received, r.unreachable
	r.unreachable = ""
	if err := r.rotate(ctx); err != nil {
		return false, err
	}
	return unreachable != "" || r.received > before, nil
}

// Lost reports whether the subscription is gone and a new one may succeed. This includes a consumer
// that the broker ended, as it does when a queue loses its leader.
func Lost(err error) bool {
	return errors.Is(err, consume.ErrLost) || errors.Is(err, consume.ErrCancelled)
}

// receive returns the next delivery. The error wraps consume.ErrLost after a lost connection. It is
// errDrained if nothing more is expected, and errCrowded if messages that stay fill the prefetch.
func (r *run) receive(ctx context.Context) (*consume.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d, ok := r.active.Sub.TryNext(); ok {
		return &d, nil
	}
	var q silence
	for {
		if r.active.Crowded() { // with what failed since the last delivery
			return nil, errCrowded
		}
		wait, cancel := context.WithTimeout(ctx, r.Timing.Idle)
		d, err := r.active.Sub.Next(wait)
		cancel()
		switch {
		case err == nil:
			return &d, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return nil, err
		}
		if err := r.judgeSilence(ctx, &q); err != nil {
			return nil, err
		}
	}
}

// take decides what to do with a delivery, and passes it on.
func (r *run) take(ctx context.Context, d *consume.Delivery) error {
	s, attempted := r.active, r.attempted
	s.Open(d.Tag)
	err := r.decide(ctx, d)
	if r.attempted == attempted {
		s.Grant() // another one is needed in its place
	}
	return err
}

func (r *run) decide(ctx context.Context, d *consume.Delivery) error {
	s := r.active
	m := &d.Message
	if r.pastSnapshot(m) {
		s.Hold(d.Tag)
		return nil
	}
	r.received++
	r.fresh++
	r.lastID = m.MessageID
	r.bytes += int64(len(m.Body))
	if r.awaited > 0 && m.Redelivered {
		r.awaited--
	}
	decision := r.Decide(m)
	if m.Unread != nil && decision.Action == Process {
		decision = LeaveUnread(m)
	}
	if !decision.Outside {
		r.taken++
	}
	if r.confirmedOnly && decision.Action != Process {
		s.Hold(d.Tag)
		return nil
	}
	switch decision.Action {
	case Skip:
		r.increment(&r.tally.Skipped)
		r.release(s, d.Tag)
	case Leave:
		r.left(decision.Reason, decision.Detail, m.MessageID, decision.Target)
		r.release(s, d.Tag)
	case Process:
		return r.pass(ctx, d, decision)
	}
	if r.Stream && r.taken%64 == 0 {
		s.Flush()
	}
	return nil
}

// pastSnapshot records how far a stream was read, and reports whether a message came after the
// snapshot.
func (r *run) pastSnapshot(m *message.Message) bool {
	at, ok := m.Offset()
	if !ok || !r.Stream {
		return false
	}
	r.atEnd = r.LastOffset >= 0 && at >= r.LastOffset
	if r.LastOffset >= 0 && at > r.LastOffset {
		return true
	}
	r.next = at + 1
	return false
}

// pass gives a job to the worker, unless the message is known to be done.
func (r *run) pass(ctx context.Context, d *consume.Delivery, decision Decision) error {
	s, m := r.active, &d.Message
	fingerprint := r.fingerprints.Of(m)
	if !r.Stream && r.confirmed.Recognize(fingerprint, m) {
		r.taken-- // it was counted when it was done
		r.fresh--
		r.acknowledgeAgain(d.Tag)
		return nil
	}
	if r.confirmedOnly {
		s.Hold(d.Tag)
		return nil
	}
	if r.Admission != nil && decision.Target != nil {
		if reason, detail := r.Admission.Admit(*decision.Target, decision.Message); reason != "" {
			r.left(reason, detail, m.MessageID, decision.Target)
			r.release(s, d.Tag)
			return nil
		}
	}
	if r.Limiter != nil {
		if err := r.Limiter.Wait(ctx); err != nil {
			s.Hold(d.Tag)
			return context.Cause(ctx)
		}
	}
	r.attempted++
	j := &job{decision: decision, run: r, session: s, tag: d.Tag, fingerprint: fingerprint, id: m.MessageID,
		size: len(m.Body)}
	select {
	case r.jobs <- j:
		return nil
	case <-ctx.Done():
		s.Hold(d.Tag)
		return ctx.Err()
	}
}

func (r *run) acknowledgeAgain(tag uint64) {
	if r.Keep {
		r.active.Hold(tag)
		return
	}
	r.active.Done(tag)
	r.active.Flush()
}

// barrierEvery is the number of messages after which a run checks whether the broker has applied
// their acknowledgements. This bounds the memory for messages that may return. The check needs a
// consumer that has ended.
const barrierEvery = 250_000

func (r *run) sinceBarrier() int64 {
	if r.Keep {
		return 0
	}
	return r.attempted - r.lastBarrier
}

// rotate opens another session, because held messages fill the prefetch of this one or because a
// barrier is due.
func (r *run) rotate(ctx context.Context) error {
	old := r.active
	err := old.Cancel(ctx, func(d *consume.Delivery) error {
		if !r.wantsMore() {
			return old.HoldDelivery(d)
		}
		return r.take(ctx, d)
	})
	if Lost(err) {
		return r.recover(ctx, err)
	}
	if err != nil {
		return err
	}
	if r.sinceBarrier() >= barrierEvery {
		if err := r.quiesce(ctx); err != nil {
			return err
		}
		r.lastBarrier = r.attempted
		r.barrier(old)
	}
	if !r.wantsMore() && !r.confirmedOnly && r.confirmed.Outstanding() == 0 {
		return nil // the next session would fetch messages in vain
	}
	r.parked = append(r.parked, old)
	return r.subscribeAgain(ctx)
}

// barrier waits in the background until the broker has applied everything. The messages that are
// confirmed by now are then forgotten.
func (r *run) barrier(s *Session) {
	passed := r.confirmed.Barrier()
	r.background.Go(guarded.Func(func() {
		ctx, cancel := context.WithTimeout(r.life, r.Timing.Grace)
		defer cancel()
		if !s.Lost() && s.Sub.Settled(ctx) == nil {
			passed()
		}
	}))
}
