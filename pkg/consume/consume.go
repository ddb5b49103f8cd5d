// Package consume receives messages from queues and settles them.
//
// It defines the interface of a message source; internal/amqp implements it for a broker.
// Acknowledgement is always manual: a message leaves its queue only after the receiver has
// acknowledged it.
package consume

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/message"
)

// ErrLost is wrapped when a subscription has lost its connection. Every delivery whose
// acknowledgement the broker has not applied returns to the queue. Subscribe again to continue.
var ErrLost = errors.New("connection lost")

// ErrProtocol is wrapped together with ErrLost when the connection was ended because the broker
// broke the protocol. No other connection is tried: it would end in the same way, or do harm.
var ErrProtocol = errors.New("the broker broke the protocol")

// ErrCancelled is wrapped when the broker cancelled a consumer: its queue was deleted or lost its
// leader.
var ErrCancelled = errors.New("consumer cancelled by the broker")

// Options configure a subscription.
type Options struct {
	// Queue is the queue's name; it is required.
	Queue string
	// Prefetch is the maximum number of unsettled deliveries. It must be positive: without a limit
	// the client library would buffer the whole queue.
	Prefetch int
	// Exclusive requests exclusive access: subscribing fails when the queue has another consumer,
	// and no other consumer can subscribe.
	Exclusive bool
	// Offset is where to start in a stream: "first", "last", "next", an int64 offset or a
	// time.Time. It is nil for other queue types.
	Offset any
	// Tag is the consumer tag shown in the broker's list of consumers. If it is "", the client
	// library chooses one.
	Tag string
}

// Source opens subscriptions. It is safe for concurrent use.
type Source interface {
	// Subscribe starts a consumer on its own channel. Errors are written for users and wrap the
	// sentinel errors of package topology.
	Subscribe(ctx context.Context, o Options) (Subscription, error)
}

// Delivery is a message that has not been settled yet.
type Delivery struct {
	message.Message
	// Tag identifies the delivery within its subscription. Tags start at 1 and increase by one.
	Tag uint64
}

// Subscription is one consumer on one channel. Next must be called from one goroutine; the other
// methods may be called from any goroutine. Nothing is settled implicitly, neither by Cancel nor by
// Close.
type Subscription interface {
	// Next returns the next delivery. After Cancel it returns the deliveries already in flight,
	// then io.EOF. The error wraps ErrLost when the connection is lost, and is ctx.Err() when ctx
	// ends.
	Next(ctx context.Context) (Delivery, error)
	// TryNext returns a delivery that has already arrived, or false if there is none. It never
	// waits for the broker.
	TryNext() (Delivery, bool)
	// Ack acknowledges tag and, if multiple is set, all unsettled deliveries before it. It returns
	// when the frame has been handed to the connection, not when the broker has applied it: see
	// Settled. A tag that Next did not return, or that is already settled, is refused with an error
	// that does not wrap ErrLost, because the broker would close the channel.
	Ack(tag uint64, multiple bool) error
	// Nack rejects tag and, if multiple is set, all unsettled deliveries before it. With requeue
	// they return to the queue; without it they are dead-lettered or dropped. Errors are as for
	// Ack.
	Nack(tag uint64, multiple, requeue bool) error
	// Cancel stops further deliveries. Deliveries already in flight must still be received, until
	// io.EOF. It fails if the connection is lost or ctx ends.
	Cancel(ctx context.Context) error
	// Settled waits until the broker has provably applied every Ack and Nack so far. On quorum
	// queues, acknowledgements in flight are lost when the channel closes right after them (fact
	// acks-lost-on-close), so call Settled before Close. It cancels the consumer if Cancel was not
	// called. The proof is complete only when every delivery is settled: after Cancel, receive
	// until io.EOF and settle those deliveries too. Before that, it relies on the order in which
	// the broker works. After an error it is unknown what the broker has applied.
	Settled(ctx context.Context) error
	// Close closes the channel. The broker requeues unsettled deliveries, which counts towards the
	// delivery limit of a quorum queue. Where that matters, nack them first. An error means that
	// the connection was lost, which requeues them as well.
	Close() error
}

// Counter is an optional interface of a Subscription. It tells an empty queue from a broker that is
// slow or gone.
type Counter interface {
	// Ready returns the number of messages in the queue that no consumer holds. It is negative when
	// the leader of the queue does not answer. The error wraps ErrLost when the broker does not
	// answer in time. After any other error the count is unknown.
	Ready(ctx context.Context) (int, error)
}

// Sharer is an optional interface of a Subscription. It makes many subscriptions cheap.
type Sharer interface {
	// Share starts another consumer on its own channel but the same connection. Closing one
	// subscription leaves the others open. Errors are as for Source.Subscribe.
	Share(ctx context.Context, o Options) (Subscription, error)
}
