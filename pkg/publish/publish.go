// Package publish sends messages and reports the outcome of each: confirmed, returned, refused or
// unknown.
//
// A Channel is the narrow interface to a broker; internal/amqp implements it. Publisher builds on
// it and adds the window, the correlation of returns, reconnection, rate limiting and a circuit
// breaker.
package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/pkg/message"
)

// ErrLost is wrapped when a channel has lost its connection. Messages published but not confirmed
// may or may not have arrived.
var ErrLost = errors.New("connection lost")

// Target is the destination of a message. The default exchange "" routes to the queue named Key.
type Target struct {
	Exchange, Key string
}

// String describes the target for users: exchange "x" with key "k", or queue "q".
func (t Target) String() string {
	if t.Exchange == "" {
		return fmt.Sprintf("queue %q", t.Key)
	}
	return fmt.Sprintf("exchange %q with routing key %q", t.Exchange, t.Key)
}

// Dialer opens channels. It is safe for concurrent use.
type Dialer interface {
	// Open opens a new connection with one channel in confirm mode. A memory or disk alarm stops a
	// connection that publishes, so acknowledgements must not share it. Errors are for users and
	// wrap the sentinel errors of package topology.
	Open(ctx context.Context) (Channel, error)
}

// Channel is one channel in confirm mode. Publish must be called from one goroutine and Receive
// from one, which may be another. Close and Err may be called from any goroutine.
type Channel interface {
	// Publish hands one message to the connection with the mandatory flag, and returns its sequence
	// number, counted from 1. It does not wait for the broker. m and what it holds must not change
	// until the message is settled. A message that cannot be encoded (headers over frame_max, an
	// invalid expiration) is refused with an error that does not wrap ErrLost, and uses no sequence
	// number. A missing exchange, or a message over the broker's size limit, closes the channel:
	// Receive fails, and Err says why.
	Publish(ctx context.Context, t Target, m *message.Message) (uint64, error)
	// Receive waits for events from the broker, appends all since the last call to into, and
	// returns the result. Each Returned event comes before the Confirmed event of the same message.
	// A slow receiver never blocks the broker; the number of pending events is limited by the
	// number of unconfirmed messages. When the channel is closed, Receive returns the remaining
	// events, then io.EOF. It returns ctx.Err() when ctx ends.
	Receive(ctx context.Context, into []ChannelEvent) ([]ChannelEvent, error)
	// Err returns why the channel ended. It is nil while the channel is open or after Close, a
	// *Refusal when the broker ended it because of one message, otherwise an error that wraps
	// ErrLost.
	Err() error
	// Close closes the channel and the connection in an orderly way.
	Close() error
}

// Refusal is the reason why the broker closed a channel or a connection: one of the messages sent.
// Messages sent before that message were processed, though perhaps not confirmed. Messages sent
// after it were ignored.
type Refusal struct {
	// Err tells users what is wrong and what to do.
	Err error
	// Fits reports whether a message may be the refused one. It is nil when the broker's text does
	// not tell.
	Fits func(Target, *message.Message) bool
	// Alike reports whether the broker refuses a message for the same reason, whatever else it
	// contains: a missing permission, an exchange that does not exist. It is nil when that is
	// unknown.
	Alike func(Target, *message.Message) bool
	// Final reports whether a later attempt is of no use: a permission or the exchange is missing.
	Final bool
}

// Error returns Err's text.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// ChannelEventKind is the kind of a ChannelEvent.
type ChannelEventKind uint8

// The kinds of events.
const (
	// EventConfirmed means that the broker took responsibility for Seq. A returned message is also
	// confirmed, after its EventReturned.
	EventConfirmed ChannelEventKind = iota + 1
	// EventNacked means that the broker refused Seq (a full queue with reject-publish, an internal
	// error).
	EventNacked
	// EventReturned means that a message reached no queue. The broker identifies it by its content,
	// not by its number: see Publisher.
	EventReturned
	// EventBlocked means that a memory or disk alarm blocks the connection, EventUnblocked that it
	// no longer does.
	EventBlocked
	EventUnblocked
)

// ChannelEvent is one event from the broker on a Channel.
type ChannelEvent struct {
	Kind ChannelEventKind
	// Seq is the message's sequence number, for EventConfirmed and EventNacked. With Multiple it
	// covers all unsettled messages up to Seq.
	Seq      uint64
	Multiple bool
	// Reason is the broker's text, for EventReturned and EventBlocked.
	Reason string
	// Target and Message are those of the returned message, for EventReturned.
	Target  Target
	Message *message.Message
}
