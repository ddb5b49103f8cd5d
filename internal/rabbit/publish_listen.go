package rabbit

import (
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/publish"
)

// listener holds the streams on which the library tells what the broker said.
type listener struct {
	closed   chan *amqp.Error
	blocked  chan amqp.Blocking
	returns  chan amqp.Return
	confirms chan amqp.Confirmation
}

// listen gathers what the broker says until the channel is gone. It never waits for anyone: the library drops what is not
// taken from it within five seconds, and a dropped return would make a lost message look confirmed.
func (c *publishChannel) listen(l listener) {
	defer close(c.ended)
	for l.returns != nil || l.confirms != nil {
		select {
		case r, ok := <-l.returns:
			if !ok {
				l.returns = nil
				continue
			}
			c.say(publish.Event{Kind: publish.EventReturned, Reason: r.ReplyText, Message: returned(&r),
				Target: publish.Target{Exchange: r.Exchange, Key: r.RoutingKey}})
		case f, ok := <-l.confirms:
			if !ok {
				l.confirms = nil
				continue
			}
			c.confirm(f)
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
	select {
	case x := <-l.closed:
		c.err = c.endedBy(x)
	default:
	}
}

func (c *publishChannel) block(b amqp.Blocking) {
	if b.Active {
		c.say(publish.Event{Kind: publish.EventBlocked, Reason: b.Reason})
		return
	}
	c.say(publish.Event{Kind: publish.EventUnblocked})
}

// confirm notes a confirm. The library hands them out in the order of their numbers, so a run of them is one event.
func (c *publishChannel) confirm(f amqp.Confirmation) {
	if !f.Ack {
		c.say(publish.Event{Kind: publish.EventNacked, Seq: f.DeliveryTag})
		return
	}
	c.mu.Lock()
	if n := len(c.events); n > 0 && c.events[n-1].Kind == publish.EventConfirmed {
		c.events[n-1].Seq, c.events[n-1].Multiple = f.DeliveryTag, true
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.say(publish.Event{Kind: publish.EventConfirmed, Seq: f.DeliveryTag})
}

func (c *publishChannel) say(e publish.Event) {
	c.mu.Lock()
	c.events = append(c.events, e)
	c.mu.Unlock()
	select {
	case c.said <- struct{}{}:
	default:
	}
}
