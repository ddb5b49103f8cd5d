package browse

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// holder is a session that holds all of its messages, as many as its prefetch.
type holder struct {
	*pipeline.Session
	prefetch  int64
	overLimit []overLimitMessage
	closed    bool
}

// overLimitMessage is one that the broker drops, or dead-letters again, at its return.
type overLimitMessage struct {
	tag uint64
	m   message.Message
}

// fill gives messages to the callback, and cancels the consumer when its prefetch is used up or the
// queue is empty. more says that the queue may have further messages. Whatever goes wrong, the
// consumer is cancelled first: the messages that are returned must not come back to it.
func (b *browser) fill(ctx context.Context, h *holder) (more bool, err error) {
	idle := startIdle(ctx, b.o.Idle)
	defer idle.stop()
	for h.Held() < h.prefetch && err == nil {
		var d consume.Delivery
		if d, err = idle.next(ctx, h.Sub); err == nil {
			err = b.take(h, &d)
		}
	}
	end := err
	if errors.Is(err, errIdle) || errors.Is(err, errAhead) {
		end = nil
	}
	// What was under way when the consumer was cancelled is held too; it is shown unless the look
	// is over.
	late, cancelled := b.cancel(ctx, h, end == nil)
	if end = errors.Join(end, cancelled); end != nil {
		return false, end
	}
	return !errors.Is(err, errAhead) && (late || h.Held() >= h.prefetch), nil
}

// take counts a message in, checks its room, and shows it. One that has too little room is shown
// too, and ends the look.
func (b *browser) take(h *holder, d *consume.Delivery) error {
	short := b.hold(h, d)
	if b.extending {
		if !b.between() {
			return errAhead
		}
		return nil
	}
	if left, bounded := b.left(); bounded && left <= 0 {
		return short
	}
	b.report.Seen++
	return errors.Join(b.each(&d.Message), short)
}

// errAhead ends an extension: the message, and all behind it, was never returned.
var errAhead = errors.New("past the returned messages")

// hold counts a message in. An error says that it has too little room.
func (b *browser) hold(h *holder, d *consume.Delivery) error {
	_ = h.HoldDelivery(d) // never fails
	b.total, b.returned, b.lastID = b.total+1, d.Redelivered, d.MessageID
	b.size.learn(&d.Message)
	return b.checkRoom(h, d)
}

func (b *browser) checkRoom(h *holder, d *consume.Delivery) error {
	room := b.o.Assessment.Room
	if room == nil {
		return nil
	}
	count, _ := message.AsInt(d.Headers[message.HeaderDeliveryCount])
	if room.Fits(count) {
		return nil
	}
	if !room.Survives(count) && !b.report.Overridden {
		h.overLimit = append(h.overLimit, overLimitMessage{tag: d.Tag, m: d.Message})
		b.overLimit = true
	}
	if b.report.Overridden && !room.Survives(count) {
		return nil // what becomes of it is the same with one delivery more
	}
	return fmt.Errorf("browse queue %q: %w: message %q was delivered %s already, and the delivery limit is "+
		"%d: more browsing would use it up (it was returned behind the messages that were returned before)",
		b.o.Assessment.Queue, ErrUnsafe, d.MessageID, units.FormatCount(count, "time"), room.Limit)
}

// cancel ends the consumer and takes in what was under way; late says whether there was any.
func (b *browser) cancel(ctx context.Context, h *holder, show bool) (late bool, err error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), returnTimeout)
	defer stop()
	over := !show
	cancelled := h.Cancel(ctx, func(d *consume.Delivery) error {
		late = true
		if over {
			_ = b.hold(h, d) // the look ends anyway
			return nil
		}
		if err = b.take(h, d); errors.Is(err, errAhead) {
			err = nil
		}
		over = err != nil
		return nil
	})
	return late, errors.Join(err, cancelled)
}

// sizing chooses prefetches: small at first, then as many messages as fit into memory.
type sizing struct {
	messages, bytes int64
	largest         int64
	last            int
}

const (
	// perMessage is what a delivery costs in memory beside its body, and headerFactor what decoding
	// makes of header bytes.
	perMessage, headerFactor = 1 << 10, 10
	// maxPrefetch keeps the start of a session, some round trips, below a percent of its time.
	maxPrefetch = 10000
)

func (s *sizing) learn(m *message.Message) {
	if s.messages > 1<<20 {
		s.messages, s.bytes = s.messages/2, s.bytes/2
	}
	s.messages++
	s.bytes += int64(len(m.Body)) + perMessage
	s.largest = max(s.largest, int64(len(m.Body)))
	// Headers are all alike in one queue as a rule: one in 64 is measured.
	if s.messages%64 == 1 {
		s.bytes += 64 * headerFactor * int64(message.HeadersSize(m.Headers))
	}
}

// next returns the prefetch of the next session. probe makes that of the first a single message.
func (s *sizing) next(memory int64, probe bool) int {
	grown := s.last * 8
	switch {
	case s.last == 0 && probe:
		grown = 1
	case s.last == 0:
		grown = 4
	}
	if s.messages > 0 {
		each := max(1, s.bytes/s.messages, s.largest/4)
		grown = min(grown, int(max(1, memory/each)))
	}
	s.last = min(max(grown, 1), maxPrefetch)
	return s.last
}

// idleWatch ends a wait for a message when none has come for a while, without a timer for each
// message.
type idleWatch struct {
	ctx   context.Context //nolint:containedctx // it is made here and lives as long as the watch
	end   context.CancelCauseFunc
	count atomic.Int64
	wait  time.Duration
}

var errIdle = errors.New("nothing came")

func startIdle(ctx context.Context, wait time.Duration) *idleWatch {
	w := &idleWatch{wait: wait}
	w.ctx, w.end = context.WithCancelCause(ctx)
	go w.watch()
	return w
}

func (w *idleWatch) stop() { w.end(context.Canceled) }

func (w *idleWatch) watch() {
	const checks = 4
	tick := time.NewTicker(max(w.wait/checks, time.Millisecond))
	defer tick.Stop()
	seen, same := int64(-1), 0
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
		}
		now := w.count.Load()
		if now != seen {
			seen, same = now, 0
			continue
		}
		if same++; same >= checks {
			w.end(errIdle)
			return
		}
	}
}

// next returns the next delivery, or errIdle. The watch may have ended while the callback was slow:
// then a last, plain wait decides.
func (w *idleWatch) next(ctx context.Context, sub consume.Subscription) (consume.Delivery, error) {
	if d, ok := sub.TryNext(); ok {
		w.count.Add(1)
		return d, nil
	}
	d, err := sub.Next(w.ctx)
	if err == nil {
		w.count.Add(1)
		return d, nil
	}
	if ctx.Err() != nil || !errors.Is(context.Cause(w.ctx), errIdle) {
		return d, err
	}
	return lastWait(ctx, sub, w.wait/4)
}

func lastWait(ctx context.Context, sub consume.Subscription, wait time.Duration) (consume.Delivery, error) {
	short, cancel := context.WithTimeoutCause(ctx, wait, errIdle)
	defer cancel()
	d, err := sub.Next(short)
	if err != nil && ctx.Err() == nil && short.Err() != nil {
		return d, errIdle
	}
	return d, err
}
