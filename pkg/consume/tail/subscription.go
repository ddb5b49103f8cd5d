// Package tail watches messages without taking them away from their consumers.
//
// There are three ways to watch. A private queue is bound next to those of the consumers. The
// broker deletes it when its connection ends for any reason. Bindings says how to bind it without
// side effects. A stream is read by offset. The head of a queue is looked at repeatedly, and Head
// reports which messages are new. Tail reads a private queue or a stream. It never lets a slow
// reader hold up the broker: its buffer is bounded, and messages that do not fit are dropped and
// counted.
package tail

import (
	"context"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// Bind is one binding of the private queue.
type Bind struct {
	Exchange, Key string
	// Arguments are the binding arguments for a headers exchange; nil for none.
	Arguments message.Table
}

// Limits of the private queue. At the limit it drops the oldest messages, which nobody can count.
// The limits are far above what a reader that keeps up needs, and a Tail purges the queue before
// they are reached, unless its own process is stopped.
const (
	QueueMessages = 200_000
	QueueBytes    = 256 << 20
)

// Dialer opens subscriptions, each on its own connection.
type Dialer interface {
	// Tap declares a private queue with these bindings and consumes from it. The queue is exclusive
	// and auto-delete, so the broker deletes it with its connection. If some bindings fail (a
	// missing permission, or a deleted exchange) and others succeed, skipped maps the exchanges
	// that could not be bound to their errors. If none succeeds, err is the first error. err wraps
	// the sentinel errors of package topology.
	Tap(ctx context.Context, binds []Bind) (f Subscription, skipped map[string]error, err error)
	// Stream reads a stream from an offset as in consume.Options. Errors wrap the sentinel errors
	// of package topology.
	Stream(ctx context.Context, queue string, offset any) (Subscription, error)
}

// Subscription is a subscription whose messages have no other consumer: they are acknowledged as
// soon as they arrive. It reads ahead a bounded number of bytes that Next and TryNext have not
// returned yet.
type Subscription interface {
	consume.Subscription
	// Waiting returns the number of ready messages in the broker. It fails if the broker does not
	// answer.
	Waiting(ctx context.Context) (int64, error)
	// Purge drops the ready messages and returns their number. After an error it is unknown whether
	// the queue was purged.
	Purge(ctx context.Context) (int64, error)
}

// Prefetch is the maximum number of unacknowledged messages of a subscription.
const Prefetch = 2000
