// Package publish sends messages so that their fate is known: confirmed, returned, refused, or unknown.
//
// A Channel is the narrow seam to a broker (internal/rabbit has the real one); Publisher, built on it, adds the window, the
// correlation of returns, reconnection, rate and circuit breaker.
package publish

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/message"
)

// ErrLost is wrapped when a channel's connection is gone. What was published and not yet confirmed may or may not have arrived.
var ErrLost = errors.New("connection lost")

// Target is where a message is published to. The default exchange "" routes to the queue named by Key.
type Target struct {
	Exchange, Key string
}

// Dialer opens channels. It is safe for concurrent use.
type Dialer interface {
	// Open opens a connection of its own with one channel in confirm mode: a connection that publishes is stopped by a
	// memory or disk alarm, and acknowledgements on it would stall too.
	Open(ctx context.Context) (Channel, error)
}

// Channel is one channel in confirm mode. Publish is for one goroutine; Events must be received from without pause by one
// (another) goroutine until it is closed, because the client library's reader waits for it.
type Channel interface {
	// Publish hands one message to the connection, mandatory, and returns its sequence number, counted from 1. It does not wait for
	// the broker. A message that cannot be encoded (headers over frame_max, an invalid expiration) is refused with an error
	// that does not wrap ErrLost, and takes no sequence number. A missing exchange or a message over the broker's size limit closes the
	// channel: Events ends, and Err says why.
	Publish(ctx context.Context, t Target, m *message.Message) (uint64, error)
	// Events tells what became of messages, in the order in which the broker said it. Closed when the channel is gone.
	Events() <-chan Event
	// Err returns why the channel ended, nil while it is open or when Close ended it.
	Err() error
	// Close ends channel and connection politely.
	Close() error
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds.
const (
	// Confirmed: the broker took responsibility for Seq. A returned message is confirmed too, after its Returned.
	Confirmed EventKind = iota + 1
	// Nacked: the broker refused Seq (a full queue with reject-publish, an internal error).
	Nacked
	// Returned: a message reached no queue. The broker names it by its content, not by its number: see Publisher.
	Returned
	// Blocked and Unblocked: a memory or disk alarm stops, and no longer stops, the connection.
	Blocked
	Unblocked
)

// Event is one thing the broker said on a Channel.
type Event struct {
	Kind EventKind
	// Seq is the message's number, for Confirmed and Nacked. With Multiple it stands for all unsettled ones up to it.
	Seq      uint64
	Multiple bool
	// Reason is the broker's words, for Returned and Blocked.
	Reason string
	// Target and Message are what came back, for Returned.
	Target  Target
	Message *message.Message
}
