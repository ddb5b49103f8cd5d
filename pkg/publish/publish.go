// Package publish sends messages so that what became of them is known: confirmed, returned,
// refused, or unknown.
//
// A Channel is the narrow seam to a broker (internal/amqp has the real one); Publisher, built on
// it, adds the window, the correlation of returns, reconnection, rate and circuit breaker.
package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/pkg/message"
)

// ErrLost is wrapped when a channel's connection is gone. What was published and not yet confirmed
// may or may not have arrived.
var ErrLost = errors.New("connection lost")

// Target is where a message is published to. The default exchange "" routes to the queue named by
// Key.
type Target struct {
	Exchange, Key string
}

// String names the target for people: exchange "x" with key "k", or queue "q".
func (t Target) String() string {
	if t.Exchange == "" {
		return fmt.Sprintf("queue %q", t.Key)
	}
	return fmt.Sprintf("exchange %q with routing key %q", t.Exchange, t.Key)
}

// Dialer opens channels. It is safe for concurrent use.
type Dialer interface {
	// Open opens a connection of its own with one channel in confirm mode: a connection that
	// publishes is stopped by a memory or disk alarm, and acknowledgements on it would stall too.
	Open(ctx context.Context) (Channel, error)
}

// Channel is one channel in confirm mode. Publish is for one goroutine and Receive for one
// (another); Close and Err may be called from any.
type Channel interface {
	// Publish hands one message to the connection, mandatory, and returns its sequence number,
	// counted from 1. It does not wait for the broker. m and what it holds must not change until
	// the message is settled. A message that cannot be encoded (headers over frame_max, an invalid
	// expiration) is refused with an error that does not wrap ErrLost, and takes no sequence
	// number. A missing exchange or a message over the broker's size limit closes the channel:
	// Receive fails, and Err says why.
	Publish(ctx context.Context, t Target, m *message.Message) (uint64, error)
	// Receive waits for something the broker said, appends all that it said since the last call to
	// into, and returns that. The order is: what became of messages by their numbers, each Returned
	// before its Confirmed. The broker is never kept waiting by a slow receiver; what is not yet
	// received is bounded by what is not yet confirmed. When the channel is gone, Receive returns
	// what was said before, then io.EOF. It returns ctx.Err() when ctx ends.
	Receive(ctx context.Context, into []Event) ([]Event, error)
	// Err returns why the channel ended: nil while it is open or when Close ended it, a *Refusal
	// when the broker ended it because of one message, else an error that wraps ErrLost.
	Err() error
	// Close ends channel and connection politely.
	Close() error
}

// Refusal is why the broker ended a channel or a connection: something in one of the messages sent.
// What was sent before that message was processed, though perhaps not confirmed; what was sent
// after it was ignored.
type Refusal struct {
	// Err says for people what is wrong and what to do.
	Err error
	// Fits reports whether a message may be the one, nil when the broker's words do not tell.
	Fits func(Target, *message.Message) bool
	// Alike reports whether the broker refuses a message for the same reason, whatever else is in
	// it: a permission that the user lacks, an exchange that does not exist. nil: nobody knows.
	Alike func(Target, *message.Message) bool
}

// Error returns Err's text.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	// EventConfirmed: the broker took responsibility for Seq. A returned message is confirmed too,
	// after its Returned.
	EventConfirmed EventKind = iota + 1
	// EventNacked: the broker refused Seq (a full queue with reject-publish, an internal error).
	EventNacked
	// EventReturned: a message reached no queue. The broker names it by its content, not by its
	// number: see Publisher.
	EventReturned
	// EventBlocked and EventUnblocked: a memory or disk alarm stops, and no longer stops, the
	// connection.
	EventBlocked
	EventUnblocked
)

// Event is one thing the broker said on a Channel.
type Event struct {
	Kind EventKind
	// Seq is the message's number, for EventConfirmed and EventNacked. With Multiple it stands for
	// all unsettled ones up to it.
	Seq      uint64
	Multiple bool
	// Reason is the broker's words, for Returned and Blocked.
	Reason string
	// Target and Message are what came back, for Returned.
	Target  Target
	Message *message.Message
}
