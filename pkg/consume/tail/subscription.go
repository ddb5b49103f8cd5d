// Package tail watches messages go by without taking any away from anybody.
//
// Three ways to watch: a private queue, bound beside those of the consumers, that the broker
// deletes when its connection ends, however that ends (Plan says how to bind it so that nothing
// else changes); a stream, read by offset; and the head of a queue, looked at again and again
// (Watch tells what is new). Tail, which reads the first two, never lets a slow reader hold up the
// broker: its buffer is bounded, what does not fit is dropped and counted.
package tail

import (
	"context"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
)

// Bind is one binding of the private queue.
type Bind struct {
	Exchange, Key string
	// Arguments are those of a headers exchange; nil for none.
	Arguments message.Table
}

// Bounds of the private queue. What it drops, the oldest first, nobody can count: they are far
// above what a reader that keeps up needs, and a Tail purges the queue before they are reached,
// unless it is stopped itself.
const (
	QueueMessages = 200_000
	QueueBytes    = 256 << 20
)

// Dialer opens subscriptions, each on a connection of its own.
type Dialer interface {
	// Tap makes a private queue with those bindings and consumes from it. It is exclusive and
	// auto-delete: the broker deletes it with its connection. skipped has the exchanges that could
	// not be bound for want of a permission or because they are gone, when others could; the error
	// is that of the first when none could. It wraps topology's sentinels.
	Tap(ctx context.Context, binds []Bind) (f Subscription, skipped map[string]error, err error)
	// Stream reads a stream from an offset as in consume.Options.
	Stream(ctx context.Context, queue string, offset any) (Subscription, error)
}

// Subscription is a subscription whose messages belong to nobody else: they are acknowledged as soon as
// they are here. It reads ahead a bounded number of bytes of those that Next and TryNext have not
// handed out.
type Subscription interface {
	consume.Subscription
	// Waiting returns how many messages the broker still keeps ready.
	Waiting(ctx context.Context) (int64, error)
	// Purge drops those, and returns how many they were.
	Purge(ctx context.Context) (int64, error)
}

// Prefetch is how many messages of a subscription may be under way.
const Prefetch = 2000
