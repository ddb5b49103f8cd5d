package publish

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// send hands over the waiting messages that may be sent now. It never waits for another sender,
// which picks up the messages added meanwhile.
func (p *Publisher[T]) send() {
	for p.sendable() && p.sending.TryLock() {
		for p.sendOne() {
		}
		p.sending.Unlock()
	}
}

func (p *Publisher[T]) sendable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready()
}

// ready reports whether a message may be sent now. p.mu is held.
func (p *Publisher[T]) ready() bool {
	w := &p.window
	for w.next < w.tail && w.at(w.next).kind != 0 { // resolved before it was sent again
		w.next++
	}
	return p.channel != nil && !p.blocked && w.next < w.tail && (p.oneByOne == 0 || w.flying == 0)
}

// sendOne hands over the next message. It returns false when none may be sent now. p.sending is
// held.
func (p *Publisher[T]) sendOne() bool {
	p.mu.Lock()
	if !p.ready() {
		p.mu.Unlock()
		return false
	}
	w, ch := &p.window, p.channel
	e := w.at(w.next)
	w.next++
	if known := p.refusals.match(e.target, e.message); known != nil && !e.tried {
		w.resolve(e, Refused, known)
		w.advance()
		p.changed.Broadcast()
		p.mu.Unlock()
		return true
	}
	if w.flying++; w.flying == 1 {
		p.heard = time.Now()
	}
	p.seq++
	e.seq = p.seq // before it is sent: its confirm may be faster than Publish's return
	seq, target, m := p.seq, e.target, e.message
	if p.oneByOne > 0 {
		p.oneByOne--
	}
	if e.tried {
		p.resent++
	}
	p.mu.Unlock()

	got, err := ch.Publish(context.Background(), target, m) // it is in the window: ctx no longer matters
	switch {
	case err == nil && got == seq:
		return true
	case err == nil:
		err = fmt.Errorf("publish to %s: the channel counts %d messages where %d were sent", target, got, seq)
	case errors.Is(err, ErrLost):
		return false // run learns of it from the channel
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq--
	w.resolve(e, Refused, err)
	w.advance()
	p.changed.Broadcast()
	return true
}

// deliver calls settle with outcomes until no more will follow.
func (p *Publisher[T]) deliver() {
	defer close(p.ended)
	var batch []Outcome[T]
	for {
		p.mu.Lock()
		for p.window.head == p.window.open && (p.err == nil || p.window.len() > 0) {
			p.changed.Wait()
		}
		batch = p.window.take(batch[:0])
		p.changed.Broadcast() // there is room
		p.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		p.settle(batch)
		p.mu.Lock()
		p.settled += int64(len(batch))
		p.changed.Broadcast()
		p.mu.Unlock()
		clear(batch)
	}
}
