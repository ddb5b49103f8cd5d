package amqp

import (
	"sync"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/publish"
)

// listener turns the library's notifications about a channel in confirm mode into events. The
// events are in the order of the messages, each return before its confirm.
//
// It uses the library's deferred confirms, oldest first. NotifyPublish is unusable: in amqp091-go
// 1.16.0 a multiple ack overrides an earlier out-of-order nack, so a message that a full queue
// refused looks confirmed.
type listener struct {
	ch      *amqp091.Channel
	closed  chan *amqp091.Error
	blocked chan amqp091.Blocking
	returns chan amqp091.Return

	sent chan struct{} // has an element when a message was sent that may be the oldest
	said chan struct{} // has an element when there may be events
	over chan struct{} // closed behind the last event

	reason *amqp091.Error // why the channel ended, nil when we closed it; known when over is closed

	mu      sync.Mutex
	pending []*amqp091.DeferredConfirmation // of messages without a confirm, the oldest first
	events  []publish.ChannelEvent          // not yet received
}

// returnsAhead is how many returned messages are buffered for listen. The library drops a return
// that is not received within five seconds, and the lost message would then look confirmed.
const returnsAhead = 1024

func newListener(ch *amqp091.Channel, conn *amqp091.Connection) *listener {
	return &listener{
		ch:      ch,
		closed:  ch.NotifyClose(make(chan *amqp091.Error, 1)),
		blocked: conn.NotifyBlocked(make(chan amqp091.Blocking, 16)),
		returns: ch.NotifyReturn(make(chan amqp091.Return, returnsAhead)),
		sent:    make(chan struct{}, 1), said: make(chan struct{}, 1), over: make(chan struct{}),
	}
}

// add records a message that was sent.
func (l *listener) add(d *amqp091.DeferredConfirmation) {
	l.mu.Lock()
	l.pending = append(l.pending, d)
	first := len(l.pending) == 1
	l.mu.Unlock()
	if first {
		wake(l.sent)
	}
}

func wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// oldest returns a channel that is closed when the oldest message is confirmed, or nil if there is
// none.
func (l *listener) oldest() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return nil
	}
	return l.pending[0].Done()
}

// listen runs until the channel is gone. It never waits for a receiver.
func (l *listener) listen() {
	defer close(l.over)
	oldest := l.oldest()
	for {
		select {
		case <-l.sent:
		case <-oldest:
			if l.ch.IsClosed() {
				l.end()
				return
			}
			l.confirms()
		case r, ok := <-l.returns:
			if !ok {
				l.end()
				return
			}
			l.tell(returnOf(&r))
		case b, ok := <-l.blocked:
			if !ok {
				l.blocked = nil
				continue
			}
			l.tell(blockedBy(b))
		}
		oldest = l.oldest()
	}
}

// end emits events for messages that were confirmed before the channel was closed. The library
// resolves the remaining confirms as nacks.
func (l *listener) end() {
	for r := range l.returns {
		l.tell(returnOf(&r))
	}
	l.confirms()
	l.reason = reason(l.closed)
}

// confirms emits events for messages that have a confirm, oldest first.
func (l *listener) confirms() {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.pending) && resolved(l.pending[n]) {
		n++
	}
	closed := l.ch.IsClosed() // after the confirms have been read
	l.drainReturns()          // each came before its confirm
	gap := false
	for _, d := range l.pending[:n] {
		switch last := len(l.events) - 1; {
		case !d.Acked() && closed:
			gap = true // unknown: nacked, or resolved by the end of the channel
		case !d.Acked():
			l.events = append(l.events, publish.ChannelEvent{Kind: publish.EventNacked, Seq: d.DeliveryTag})
		case !gap && last >= 0 && l.events[last].Kind == publish.EventConfirmed && l.events[last].Seq == d.DeliveryTag-1:
			l.events[last].Seq, l.events[last].Multiple = d.DeliveryTag, true
		default:
			l.events = append(l.events, publish.ChannelEvent{Kind: publish.EventConfirmed, Seq: d.DeliveryTag})
		}
	}
	clear(l.pending[:n])
	l.pending = l.pending[n:]
	wake(l.said)
}

func (l *listener) drainReturns() {
	for {
		select {
		case r, ok := <-l.returns:
			if !ok {
				return
			}
			l.events = append(l.events, returnOf(&r))
		default:
			return
		}
	}
}

func resolved(d *amqp091.DeferredConfirmation) bool {
	select {
	case <-d.Done():
		return true
	default:
		return false
	}
}

func (l *listener) tell(e publish.ChannelEvent) {
	l.mu.Lock()
	l.events = append(l.events, e)
	l.mu.Unlock()
	wake(l.said)
}

// take appends the events since the last call to into. It returns false if there are none.
func (l *listener) take(into []publish.ChannelEvent) ([]publish.ChannelEvent, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return into, false
	}
	into = append(into, l.events...)
	clear(l.events)
	l.events = l.events[:0]
	return into, true
}

func returnOf(r *amqp091.Return) publish.ChannelEvent {
	return publish.ChannelEvent{Kind: publish.EventReturned, Reason: r.ReplyText, Message: returned(r),
		Target: publish.Target{Exchange: r.Exchange, Key: r.RoutingKey}}
}

func blockedBy(b amqp091.Blocking) publish.ChannelEvent {
	if b.Active {
		return publish.ChannelEvent{Kind: publish.EventBlocked, Reason: b.Reason}
	}
	return publish.ChannelEvent{Kind: publish.EventUnblocked}
}
