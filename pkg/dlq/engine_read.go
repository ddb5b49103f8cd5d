package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// read takes messages until the snapshot is through, the queue is empty, or ctx ends. It goes on
// after a lost connection.
func (r *run) read(ctx context.Context) error {
	ended := int64(-1) // what was looked at when the queue seemed to be empty
	for !r.through && r.taken < r.total && (r.most <= 0 || r.tried < r.most) {
		d, err := r.receive(ctx)
		if err != nil {
			if done, err := r.goOn(ctx, err, &ended); done || err != nil {
				return err
			}
			continue
		}
		if err := r.take(ctx, d); err != nil {
			return err
		}
		if !r.through && r.taken < r.total && (r.active.Crowded() || r.sinceBarrier() >= barrierEvery) {
			if err := r.rotate(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// goOn does what is to be done when no delivery came; done says that none is to be expected. ended
// is what was looked at when the queue seemed to be empty.
func (r *run) goOn(ctx context.Context, cause error, ended *int64) (done bool, err error) {
	switch {
	case errors.Is(cause, errDrained):
		if *ended == r.looked || r.stream || r.mopping {
			return true, nil
		}
		*ended = r.looked
		more, err := r.askAgain(ctx)
		return !more, err
	case errors.Is(cause, errCrowded):
		return false, r.rotate(ctx)
	case lost(cause):
		return false, r.recover(ctx)
	}
	return true, cause
}

// askAgain goes on with another subscription when the queue seems to be empty, or hands nothing
// out, before the snapshot is through: a busy quorum queue was seen to need seconds between
// counting messages as handed out and sending them (4.0.5 and 4.3.6, under a memory alarm). What is
// under way comes before the end of a consumer is confirmed. more says that it is worth reading on.
func (r *run) askAgain(ctx context.Context) (more bool, err error) {
	before, stuck := r.looked, r.stuck
	r.stuck = ""
	if err := r.rotate(ctx); err != nil {
		return false, err
	}
	return stuck != "" || r.looked > before, nil
}

// lost says that the subscription is gone and another may do: also when the broker ended the
// consumer, which it does when a queue loses its leader.
func lost(err error) bool {
	return errors.Is(err, consume.ErrLost) || errors.Is(err, consume.ErrCancelled)
}

// receive returns the next delivery. It wraps ErrLost, and returns errDrained when nothing more is
// to be expected, and errCrowded when the window is filled with messages that stay.
func (r *run) receive(ctx context.Context) (*consume.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d, ok := r.active.Sub.TryNext(); ok {
		return &d, nil
	}
	var q quiet
	for {
		if r.active.Crowded() { // with what failed since the last delivery
			return nil, errCrowded
		}
		wait, cancel := context.WithTimeout(ctx, r.timing.idle)
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
		if err := r.wonder(ctx, &q); err != nil {
			return nil, err
		}
	}
}

// quiet is what is known while nothing comes.
type quiet struct {
	since time.Time
	empty int // how often in a row nothing was ready
}

// wonder decides what it means that nothing came for a while: nil to wait on, errDrained to stop.
func (r *run) wonder(ctx context.Context, q *quiet) error {
	r.report(false)
	if r.active.Full() && r.active.Pending() > 0 { // the target is slow or blocked: wait for it
		*q = quiet{}
		return nil
	}
	if q.since.IsZero() {
		q.since = time.Now()
	}
	if r.stream {
		return r.wonderAtStream(time.Since(q.since))
	}
	ready := int64(0)
	if r.counter != nil {
		n, err := readyConsuming(ctx, r.counter, r.queue)
		if err != nil {
			if err := r.wonderAt(err); err != nil || time.Since(q.since) < r.timing.stall {
				return err
			}
		}
		ready = n // 0 when nobody answers for so long
	}
	if ready > 0 {
		q.empty = 0
		if time.Since(q.since) > r.timing.stall {
			r.stuck = fmt.Sprintf("%d messages are ready in queue %q, and the broker hands out none: another consumer may be "+
				"the single active one, or the messages wait for a delayed retry", ready, r.queue)
			return errDrained
		}
		return nil
	}
	q.empty++
	if r.awaited > 0 && time.Since(q.since) < r.timing.returning {
		return nil // the broker has not noticed yet that the old connection is gone
	}
	if q.empty >= 2 {
		return errDrained
	}
	return nil
}

// wonderAtStream: nothing has come for so long. There is more until the end was reached, and a
// large message takes its time.
func (r *run) wonderAtStream(quiet time.Duration) error {
	switch {
	case r.last < 0 && quiet < r.timing.stall/4, r.last >= 0 && quiet < r.timing.stall:
		return nil
	case r.last >= 0:
		r.stuck = fmt.Sprintf("stream %q ends at offset %d, and the broker hands out nothing from offset %d on", r.queue,
			r.last, r.next)
	}
	return errDrained
}

// wonderAt: a broker that cannot be asked right now is most likely restarting, which the
// subscription will tell.
func (*run) wonderAt(err error) error {
	if errors.Is(err, topology.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// take decides about a delivery and passes it on.
func (r *run) take(ctx context.Context, d *consume.Delivery) error {
	s := r.active
	s.Open(d.Tag)
	m := &d.Message
	if r.beyond(m) {
		s.Hold(d.Tag)
		return nil
	}
	r.looked++
	r.bytes += int64(len(m.Body))
	if r.awaited > 0 && m.Redelivered {
		r.awaited--
	}
	v := r.decide(m)
	if !v.outside {
		r.taken++
	}
	if r.mopping && v.action != actDo {
		s.Hold(d.Tag)
		return nil
	}
	switch v.action {
	case actSkip:
		r.count(&r.tally.skipped)
		r.release(s, d.Tag)
	case actStay:
		r.stays(v.reason, v.detail, m.MessageID, v.target)
		r.release(s, d.Tag)
	case actDo:
		return r.pass(ctx, d, v)
	}
	if r.stream && r.taken%64 == 0 {
		s.Flush()
	}
	return nil
}

// beyond notes how far a stream was read, and says of a message that it came after the snapshot.
func (r *run) beyond(m *message.Message) bool {
	at, ok := m.Offset()
	if !ok || !r.stream {
		return false
	}
	r.through = r.last >= 0 && at >= r.last
	if r.last >= 0 && at > r.last {
		return true
	}
	r.next = at + 1
	return false
}

// pass gives a job to the worker, unless the message is known to be done.
func (r *run) pass(ctx context.Context, d *consume.Delivery, v verdict) error {
	s, m := r.active, &d.Message
	print := r.printer.of(m)
	if !r.stream && r.seen.recognise(print, m) {
		r.taken-- // it was counted when it was done
		r.acknowledgeAgain(d.Tag)
		return nil
	}
	if r.mopping {
		s.Hold(d.Tag)
		return nil
	}
	if r.limiter != nil {
		if err := r.limiter.Wait(ctx); err != nil {
			s.Hold(d.Tag)
			return context.Cause(ctx)
		}
	}
	r.tried++
	j := &job{v: v, run: r, session: s, tag: d.Tag, print: print, id: m.MessageID, size: len(m.Body)}
	select {
	case r.jobs <- j:
		return nil
	case <-ctx.Done():
		s.Hold(d.Tag)
		return ctx.Err()
	}
}

func (r *run) acknowledgeAgain(tag uint64) {
	if r.keep {
		r.active.Hold(tag)
		return
	}
	r.active.Done(tag)
	r.active.Flush()
}

// barrierEvery is after how many messages the broker is asked whether it has applied their
// acknowledgements, so that the memory of what might come back stays bounded. It can be asked only
// of a consumer that has ended.
const barrierEvery = 250_000

func (r *run) sinceBarrier() int64 {
	if r.keep {
		return 0
	}
	return r.tried - r.barriered
}

// rotate goes on with another subscription: when the messages held on this one fill its window, or
// for a barrier.
func (r *run) rotate(ctx context.Context) error {
	old := r.active
	err := old.Cancel(ctx, func(d *consume.Delivery) error {
		if r.through || r.taken >= r.total || r.most > 0 && r.tried >= r.most {
			old.Open(d.Tag)
			old.Hold(d.Tag)
			return nil
		}
		return r.take(ctx, d)
	})
	if lost(err) {
		return r.recover(ctx)
	}
	if err != nil {
		return err
	}
	if r.sinceBarrier() >= barrierEvery {
		if err := r.quiesce(ctx); err != nil {
			return err
		}
		r.barriered = r.tried
		r.barrier(old)
	}
	r.parked = append(r.parked, old)
	return r.subscribeAgain(ctx)
}

// barrier asks in the background, and forgets what is confirmed by now once the broker has applied
// everything.
func (r *run) barrier(s *pipeline.Session) {
	passed := r.seen.barrier()
	r.background.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, r.timing.grace)
		defer cancel()
		if !s.Lost() && s.Sub.Settled(ctx) == nil {
			passed()
		}
	})
}
