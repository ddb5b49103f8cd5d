package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
)

// silence is a period without deliveries.
type silence struct {
	since time.Time
	empty int // how often in a row nothing was ready
}

// judgeSilence is called when no delivery came for a while. It returns nil to keep waiting,
// errDrained to stop, or another error.
func (r *run) judgeSilence(ctx context.Context, q *silence) error {
	r.report(false)
	if r.active.Full() && r.active.Pending() > 0 { // the target is slow or blocked: wait for it
		*q = silence{}
		return nil
	}
	if q.since.IsZero() {
		q.since = time.Now()
	}
	if r.Stream {
		return r.judgeStreamSilence(time.Since(q.since))
	}
	ready := int64(0)
	if r.Counter != nil {
		n, err := readyConsuming(ctx, r.Counter, r.Queue)
		if err != nil {
			if err := r.tolerate(err); err != nil || time.Since(q.since) < r.Timing.Stall {
				return err
			}
		}
		ready = n // 0 if the leader does not answer in that time
	}
	if ready > 0 {
		q.empty = 0
		if time.Since(q.since) > r.Timing.Stall {
			r.unreachable = fmt.Sprintf("%s ready in queue %q, and the broker delivers none: another consumer "+
				"may be the single active one, or a delayed retry is waited for",
				units.FormatPlural(ready, "message is", "messages are"), r.Queue)
			return errDrained
		}
		return nil
	}
	q.empty++
	if r.awaited > 0 && time.Since(q.since) < r.Timing.Returning || r.mayComeBack() {
		return nil // the broker has not noticed yet that the old connection is lost
	}
	if q.empty >= 2 {
		return errDrained
	}
	return nil
}

// mayComeBack reports whether the broker may still hold messages for a lost connection: it had sent
// more than was read, and their number is unknown.
func (r *run) mayComeBack() bool {
	return !r.confirmedOnly && r.taken < r.Total && time.Since(r.reconnected) < r.Timing.Returning
}

// judgeStreamSilence decides by the last offset, if it is known: a large message takes time.
func (r *run) judgeStreamSilence(quiet time.Duration) error {
	switch {
	case r.LastOffset < 0 && quiet < r.Timing.Stall/4, r.LastOffset >= 0 && quiet < r.Timing.Stall:
		return nil
	case r.LastOffset >= 0:
		r.unreachable = fmt.Sprintf("stream %q ends at offset %d, and the broker delivers nothing from offset %d on", r.Queue,
			r.LastOffset, r.next)
	}
	return errDrained
}

// tolerate returns nil if the broker cannot be asked right now. It is most likely restarting; the
// subscription then ends with an error.
func (*run) tolerate(err error) error {
	if errors.Is(err, topology.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
