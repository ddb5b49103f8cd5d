package rabbit

import (
	"math"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/publish"
)

// listener holds the streams on which the library tells what the broker said.
type listener struct {
	closed  chan *amqp.Error
	blocked chan amqp.Blocking
	returns chan amqp.Return
}

// listen takes what the library tells until the channel is gone. It never waits for anyone: the
// library drops what is not taken from it within five seconds, and a dropped return would make a
// lost message look confirmed.
func (c *publishChannel) listen(l listener) {
	defer close(c.ended)
	for l.returns != nil {
		select {
		case r, ok := <-l.returns:
			if !ok {
				l.returns = nil
				continue
			}
			c.complete(&r)
		case b, ok := <-l.blocked:
			if !ok {
				l.blocked = nil
				continue
			}
			c.block(b)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = c.endedBy(reason(l.closed))
}

// hear notes what the tap hears. It runs in the connection's reader, before the library sees the
// same bytes.
func (c *publishChannel) hear(h heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.multiple && h.tag == 0 { // AMQP: everything so far
		h.tag = math.MaxUint64
	}
	switch h.method {
	case basicReturn: // its message comes in the frames behind it, from the library
		c.events = append(c.events, publish.Event{Kind: publish.EventReturned})
	case basicNack:
		c.events = append(c.events, publish.Event{Kind: publish.EventNacked, Seq: h.tag, Multiple: h.multiple})
		c.upTo(h)
	case basicAck:
		multiple := c.upTo(h)
		if n := len(c.events); n > 0 && multiple && c.events[n-1].Kind == publish.EventConfirmed && c.events[n-1].Multiple {
			c.events[n-1].Seq = h.tag // a run of them is one event
			return
		}
		c.events = append(c.events, publish.Event{Kind: publish.EventConfirmed, Seq: h.tag, Multiple: multiple})
	}
	c.advance()
}

// upTo keeps settled, and reports whether every message up to h's is settled with it.
func (c *publishChannel) upTo(h heard) bool {
	if h.multiple || h.tag == c.settled+1 {
		c.settled = max(c.settled, h.tag)
		return true
	}
	return false
}

// complete gives the oldest return that waits for it its message.
func (c *publishChannel) complete(r *amqp.Return) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.whole; i < len(c.events); i++ {
		if e := &c.events[i]; e.Kind == publish.EventReturned && e.Message == nil {
			*e = publish.Event{Kind: publish.EventReturned, Reason: r.ReplyText, Message: returned(r),
				Target: publish.Target{Exchange: r.Exchange, Key: r.RoutingKey}}
			break
		}
	}
	c.advance()
}

func (c *publishChannel) block(b amqp.Blocking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := publish.Event{Kind: publish.EventUnblocked}
	if b.Active {
		e = publish.Event{Kind: publish.EventBlocked, Reason: b.Reason}
	}
	c.events = append(c.events, e)
	c.advance()
}

// advance counts what is complete from the front, and wakes the receiver. c.mu is held.
func (c *publishChannel) advance() {
	for c.whole < len(c.events) && (c.events[c.whole].Kind != publish.EventReturned || c.events[c.whole].Message != nil) {
		c.whole++
	}
	if c.whole == 0 {
		return
	}
	select {
	case c.said <- struct{}{}:
	default:
	}
}
