package browse

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// holder is a session that holds as many messages as its prefetch.
type holder struct {
	*pipeline.Session
	prefetch  int64
	overLimit []overLimitMessage
	closed    bool
}

// overLimitMessage is a message that the broker would drop, or dead-letter again, on its return.
type overLimitMessage struct {
	tag uint64
	m   message.Message
}

// fill passes messages to the callback, and cancels the consumer when its prefetch is used up or
// the queue is empty. more says that the queue may have further messages. The consumer is cancelled
// first in every case, so that returned messages are not delivered to it again.
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
	// Messages that were in flight when the consumer was cancelled are held too. They are shown
	// unless browsing is over.
	late, cancelled := b.cancel(ctx, h, end == nil)
	if end = errors.Join(end, cancelled); end != nil {
		return false, end
	}
	return !errors.Is(err, errAhead) && (late || h.Held() >= h.prefetch), nil
}

// take counts a message, checks its room and shows it. A message with too little room is shown too,
// and ends browsing.
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
	return errors.Join(b.show(&d.Message), short)
}

// show passes a message to the callback.
func (b *browser) show(m *message.Message) error {
	b.report.Seen++
	err := b.each(m)
	if errors.Is(err, ErrMore) {
		b.extra++
		return nil
	}
	return err
}

// errAhead ends an extension: this message, and all behind it, was never returned before.
var errAhead = errors.New("past the returned messages")

// hold counts a message. An error says that it has too little room.
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
		return nil // one more delivery changes nothing for it
	}
	return fmt.Errorf("browse queue %q: %w: message %q was delivered %s already, and the delivery limit is "+
		"%d: more browsing would use it up (it was returned behind the messages that were returned before)",
		b.o.Assessment.Queue, ErrUnsafe, d.MessageID, units.FormatCount(count, "time"), room.Limit)
}

// cancel cancels the consumer and holds what was in flight; late reports whether there was any.
func (b *browser) cancel(ctx context.Context, h *holder, show bool) (late bool, err error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), returnTimeout)
	defer stop()
	over := !show
	cancelled := h.Cancel(ctx, func(d *consume.Delivery) error {
		late = true
		if over {
			_ = b.hold(h, d) // browsing ends anyway
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

// sizing chooses the prefetch of each session: small at first, then as many messages as fit into
// memory.
type sizing struct {
	messages, bytes int64
	largest         int64
	last            int
}

const (
	// perMessage is the memory per delivery besides its body; headerFactor is the memory per byte
	// of encoded headers.
	perMessage, headerFactor = 1 << 10, 10
	// maxPrefetch is large enough that starting a session, which takes some round trips, is below 1
	// % of its time.
	maxPrefetch = 10000
)

func (s *sizing) learn(m *message.Message) {
	if s.messages > 1<<20 {
		s.messages, s.bytes = s.messages/2, s.bytes/2
	}
	s.messages++
	s.bytes += int64(len(m.Body)) + perMessage
	s.largest = max(s.largest, int64(len(m.Body)))
	// The headers of one queue are usually alike, so one in 64 messages is measured.
	if s.messages%64 == 1 {
		s.bytes += 64 * headerFactor * int64(message.HeadersSize(m.Headers))
	}
}

// next returns the prefetch of the next session. With probe, that of the first session is a single
// message.
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

// idleWatch ends a wait when no message has arrived for a while. It needs no timer per message.
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
	guarded.Go(w.watch)
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

// next returns the next delivery, or errIdle. The watch may have ended because the callback was
// slow; then one last wait without it decides.
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
