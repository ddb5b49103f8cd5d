package publish

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

var (
	errNacked = errors.New("the broker refused it: a target queue is full and rejects (overflow: reject-publish), or " +
		"failed")
	errMatched = errors.New("a message came back that cannot be distinguished from it, so it may or may not have arrived")
)

// apply records the broker's events. It returns the notices for Notify, and whether anything was
// confirmed. p.mu is not held.
func (p *Publisher[T]) apply(events []ChannelEvent) (notices []Notice, confirmed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case EventConfirmed:
			p.window.confirm(e.Seq, p.seq, e.Multiple, Confirmed, nil)
			confirmed = true
		case EventNacked:
			p.window.confirm(e.Seq, p.seq, e.Multiple, Nacked, errNacked)
			confirmed = true
		case EventReturned:
			p.window.markReturned(e)
		case EventBlocked:
			p.blocked = true
			notices = append(notices, Notice{Kind: NoticeBlocked, Err: fmt.Errorf("the broker stops publishers: %s", e.Reason)})
		case EventUnblocked:
			p.blocked = false
			notices = append(notices, Notice{Kind: NoticeUnblocked})
		}
	}
	if len(events) > 0 {
		p.heard = time.Now()
	}
	p.window.advance()
	p.changed.Broadcast()
	return notices, confirmed
}

// confirm sets the outcome of seq and, if multiple is set, of all messages before it that have
// none. last is the number of the last message sent.
func (w *window[T]) confirm(seq, last uint64, multiple bool, kind OutcomeKind, err error) {
	if !multiple {
		w.confirmOne(seq, last, kind, err)
		return
	}
	for pos := w.open; pos < w.next; pos++ {
		e := w.at(pos)
		if e.seq > seq {
			return
		}
		w.confirmed(e, kind, err)
	}
}

// confirmOne first looks where seq is if no message in between was refused locally, then before
// that place.
func (w *window[T]) confirmOne(seq, last uint64, kind OutcomeKind, err error) {
	if seq > last || w.next-w.open <= last-seq {
		return
	}
	for pos := w.next - (last - seq); pos > w.open; pos-- {
		e := w.at(pos - 1)
		if e.seq == seq && e.kind == 0 {
			w.confirmed(e, kind, err)
		}
		if e.seq != 0 && e.seq < seq {
			return
		}
	}
}

func (w *window[T]) confirmed(e *entry[T], kind OutcomeKind, err error) {
	switch {
	case e.kind != 0 || e.seq == 0:
	case e.back != nil:
		w.resolve(e, Returned, e.back)
	case e.doubtful && kind == Confirmed:
		w.resolve(e, Unknown, errMatched)
	default:
		w.resolve(e, kind, err)
	}
}

// markReturned finds the message that the broker returned. The broker identifies it only by its
// content: the target, id, number of headers and body. Two messages that are equal in all of these
// were routed alike. Returns arrive in the order of publishing, so the search starts after the last
// returned message and usually ends at once.
func (w *window[T]) markReturned(r *ChannelEvent) {
	for _, alike := range [...]func(*entry[T], *ChannelEvent) bool{same[T], similar[T]} {
		for _, from := range [...]uint64{max(w.returned, w.open), w.open} {
			for pos := from; pos < w.next; pos++ {
				if e := w.at(pos); e.kind == 0 && e.seq != 0 && e.back == nil && alike(e, r) {
					e.back = fmt.Errorf("it reached no queue: nothing is bound for %s (%s)", r.Target, r.Reason)
					w.returned = pos + 1
					return
				}
			}
		}
	}
	// It must be one of them; reporting it as confirmed would lose it.
	for pos := w.open; pos < w.next; pos++ {
		w.at(pos).doubtful = true
	}
}

func same[T any](e *entry[T], r *ChannelEvent) bool {
	return similar(e, r) && e.message.MessageID == r.Message.MessageID && headerCount(e.message) == headerCount(r.Message)
}

// similar ignores properties that broker interceptors may change. Of a large body, only the size may
// be known.
func similar[T any](e *entry[T], r *ChannelEvent) bool {
	return e.target == r.Target && e.message.Size() == r.Message.Size() &&
		(r.Message.Unread != nil || bytes.Equal(e.message.Body, r.Message.Body))
}

// headerCount ignores BCC, which the broker removes.
func headerCount(m *message.Message) int {
	n := len(m.Headers)
	if _, has := m.Headers["BCC"]; has {
		n--
	}
	return n
}
