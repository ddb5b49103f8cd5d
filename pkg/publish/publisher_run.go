package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
)

// run receives from one channel after another until the publisher ends.
func (p *Publisher[T]) run(ctx context.Context, ch Channel) {
	attempts := reconnect.Policy{Delay: p.o.ReconnectDelay, Attempts: p.o.ReconnectAttempts}.Start()
	for ch != nil {
		progress, silent := p.receive(ctx, ch)
		if progress {
			attempts.Worked()
		}
		cause := cmp.Or(silent, ch.Err())
		_ = ch.Close() // gone already
		if p.channelLost(cause) {
			attempts.Worked() // a message was at fault, not the connection
		}
		if ctx.Err() != nil {
			p.finish(ErrClosed)
			return
		}
		p.notify(Notice{Kind: NoticeLost, Err: cause})
		var err error
		if ch, err = p.restore(ctx, cause, attempts); err != nil {
			p.finish(err)
			return
		}
		p.mu.Lock()
		p.channel, p.seq, p.blocked = ch, 0, false
		p.mu.Unlock()
		p.notify(Notice{Kind: NoticeRestored})
		p.send()
	}
}

// receive applies events of the channel until the channel ends or is silent for too long. It
// reports whether anything was confirmed.
func (p *Publisher[T]) receive(ctx context.Context, ch Channel) (progress bool, silent error) {
	var events []ChannelEvent
	for {
		var err error
		patience, cancel := context.WithTimeout(ctx, p.o.ConfirmTimeout/4)
		events, err = ch.Receive(patience, events[:0])
		timedOut := patience.Err() != nil && ctx.Err() == nil
		cancel()
		notices, confirmed := p.apply(events)
		progress = progress || confirmed
		for _, n := range notices {
			p.notify(n)
		}
		clear(events)
		switch {
		case err != nil && !timedOut:
			return progress, nil
		case err != nil && p.silent():
			return progress, fmt.Errorf("%w: the broker has said nothing of what was sent for %s", ErrLost, p.o.ConfirmTimeout)
		}
		p.send() // one that waited for its turn, or for the end of an alarm
	}
}

// silent reports whether the broker has been silent for too long about messages in flight.
func (p *Publisher[T]) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.flying > 0 && !p.blocked && time.Since(p.heard) >= p.o.ConfirmTimeout
}

// channelLost decides the outcome of the messages that were in flight on a lost channel. It reports
// whether one of the messages was the cause.
func (p *Publisher[T]) channelLost(cause error) (refused bool) {
	p.mu.Lock()
	p.channel = nil
	p.mu.Unlock()
	p.sending.Lock() // the sender has found the channel gone
	defer p.sending.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.window
	for pos := w.open; pos < w.next; pos++ { // their outcome is known
		if e := w.at(pos); e.kind == 0 && e.back != nil {
			w.resolve(e, Returned, e.back)
		}
	}
	refused = p.findRefused(cause)
	for pos := w.open; pos < w.next; pos++ {
		switch e := w.at(pos); {
		case e.kind != 0:
		case e.tried && !p.o.Republish:
			w.resolve(e, Unknown, lostBefore(cause))
		default:
			e.seq, e.back, e.doubtful = 0, nil, false
		}
	}
	w.flying = 0
	w.next, w.returned = w.open, w.open
	w.advance()
	p.changed.Broadcast()
	return refused
}

// findRefused finds the message that made the broker close the channel. It marks as tried the
// messages that the broker may have processed: all before that one, or all in flight when it cannot
// be identified. The broker ignores the messages after the refused one.
func (p *Publisher[T]) findRefused(cause error) (refused bool) {
	w := &p.window
	var refusal *Refusal
	isRefusal := errors.As(cause, &refusal)
	inFlight := 0
	for pos := w.open; pos < w.next; pos++ {
		e := w.at(pos)
		if e.kind != 0 || e.seq == 0 {
			continue
		}
		inFlight++
		if isRefusal && (refusal.Fits != nil && refusal.Fits(e.target, e.message) || refusal.Fits == nil && w.flying == 1) {
			w.resolve(e, Refused, cause)
			p.refusals.add(refusal)
			return true
		}
		e.tried = true
	}
	if isRefusal && inFlight > 0 {
		p.oneByOne = inFlight + 1 // the last of them alone, too
		return true
	}
	return false
}

func lostBefore(cause error) error {
	if cause == nil {
		return errors.New("the publisher was closed before the broker confirmed it: it may or may not have arrived")
	}
	return fmt.Errorf("not confirmed, so it may or may not have arrived: %w", cause)
}

// restore opens a new channel. After a loss it tries at once. It pauses first if that fails, or if
// the last channel confirmed nothing.
func (p *Publisher[T]) restore(ctx context.Context, cause error, attempts *reconnect.Series) (Channel, error) {
	ch, err := reconnect.Open(ctx, attempts, cause, p.dialer.Open, func(f reconnect.Failure) {
		p.notify(Notice{Kind: NoticeRetry, Err: f.Err, Attempt: f.Attempt, Wait: f.Wait})
	})
	switch {
	case err == nil:
		return ch, nil
	case ctx.Err() != nil:
		return nil, ErrClosed
	}
	if !errors.Is(err, ErrLost) {
		err = errors.Join(ErrLost, err)
	}
	return nil, fmt.Errorf("publish: %w", err)
}

// finish ends the publisher: nothing more will be sent.
func (p *Publisher[T]) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.window
	for pos := w.open; pos < w.tail; pos++ {
		switch e := w.at(pos); {
		case e.kind != 0:
		case e.tried:
			w.resolve(e, Unknown, lostBefore(err))
		default:
			w.resolve(e, Unsent, fmt.Errorf("not sent: %w", err))
		}
	}
	w.advance()
	p.err = err
	p.changed.Broadcast()
}
