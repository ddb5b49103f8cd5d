// Package consume receives messages from queues and settles them.
//
// It defines what a source of messages is; internal/amqp has the one that talks to a broker.
// Acknowledgement is always manual: a message leaves its queue only after whoever received it has
// said so.
package consume

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/message"
)

// ErrLost is wrapped when the connection of a subscription is gone: everything not acknowledged and
// applied returns to the queue. Subscribe again to go on.
var ErrLost = errors.New("connection lost")

// ErrUnreadable is wrapped, besides ErrLost, when the connection ended because the client cannot read
// what the broker sent, or the broker cannot send it: the same message does that again.
var ErrUnreadable = errors.New("what the broker sent cannot be read")

// ErrCancelled is wrapped when the broker ended a consumer of its own accord: the queue was
// deleted, or lost its leader.
var ErrCancelled = errors.New("consumer cancelled by the broker")

// Options say how to consume.
type Options struct {
	// Queue is the queue's name.
	Queue string
	// Prefetch is how many deliveries may be unsettled at once. It must be positive: without a
	// bound the client library would buffer the whole queue.
	Prefetch int
	// Exclusive refuses when there is another consumer, and keeps others away.
	Exclusive bool
	// Offset is where to start in a stream: "first", "last", "next", an int64 offset or a
	// time.Time. nil for other queue types.
	Offset any
	// Tag is the consumer tag that the broker's consumer list shows. "" lets the library choose.
	Tag string
}

// Source opens subscriptions. It is safe for concurrent use.
type Source interface {
	// Subscribe starts a consumer on a channel of its own. Errors are for people and wrap
	// topology's sentinels.
	Subscribe(ctx context.Context, o Options) (Subscription, error)
}

// Delivery is a message that waits for settlement.
type Delivery struct {
	message.Message
	// Tag identifies the delivery within its subscription. Tags grow by one from 1.
	Tag uint64
}

// Subscription is one consumer on one channel. Next is for one goroutine; the rest may be called
// from others. Nothing is ever settled on its own: not by Cancel, not by Close.
type Subscription interface {
	// Next returns the next delivery. After Cancel it returns what was under way already, then
	// io.EOF. It wraps ErrLost when the connection is gone, and returns ctx.Err() when ctx ends.
	Next(ctx context.Context) (Delivery, error)
	// TryNext returns a delivery that is here already, false otherwise. It never waits for the
	// broker.
	TryNext() (Delivery, bool)
	// Ack acknowledges tag, and with multiple all unsettled ones before it. It returns when the
	// frame is handed to the connection, not when the broker has applied it: see Settled. A tag
	// that was not handed out by Next, or is settled already, is refused with an error that does
	// not wrap ErrLost: the broker would close the channel.
	Ack(tag uint64, multiple bool) error
	// Nack returns tag (with multiple also all unsettled before it) to the queue, or with requeue
	// false dead-letters or drops it.
	Nack(tag uint64, multiple, requeue bool) error
	// Cancel stops further deliveries. What is under way still has to be received, until io.EOF.
	Cancel(ctx context.Context) error
	// Settled returns when the broker is seen to have applied every Ack and Nack so far. On quorum
	// queues acknowledgements in flight are lost when the channel closes right behind them (fact
	// acks-lost-on-close): call it before Close. It cancels the consumer if Cancel was not called.
	// The proof is complete when everything that was delivered is settled, so receive until io.EOF
	// after Cancel and settle that too; before, it rests on the order in which the broker works.
	Settled(ctx context.Context) error
	// Close ends the channel. The broker requeues what is unsettled, which counts against a quorum
	// queue's delivery limit: nack first where that matters.
	Close() error
}

// Counter is what a Subscription may implement to tell an empty queue from a broker that is slow or
// gone.
type Counter interface {
	// Ready returns how many messages of the queue no consumer has in hand. It wraps ErrLost when the
	// broker does not answer in time; after any other error the count is not known.
	Ready(ctx context.Context) (int, error)
}

// Sharer is what a Subscription may implement to make many of them cheap.
type Sharer interface {
	// Share starts another consumer, on a channel of its own but the same connection. Closing one
	// leaves the other open.
	Share(ctx context.Context, o Options) (Subscription, error)
}
