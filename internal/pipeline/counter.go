package pipeline

import "context"

// Counter tells how many messages are ready in a queue now. A passive declare does, and needs no
// management API.
type Counter interface {
	Ready(ctx context.Context, queue string) (int64, error)
}

// ConsumingCounter is a Counter that can be asked about a queue that the caller consumes from.
//
// A passive declare of a quorum queue whose leader is busy for longer than 250 ms answers that it
// has no messages and no consumers (rabbit_quorum_queue:stat/1; seen under a memory alarm). A
// caller that knows of a consumer knows that this is no answer.
type ConsumingCounter interface {
	Counter
	// ReadyConsuming is Ready; without an answer the error wraps topology.ErrUnreachable.
	ReadyConsuming(ctx context.Context, queue string) (int64, error)
}

func readyConsuming(ctx context.Context, c Counter, queue string) (int64, error) {
	if c, ok := c.(ConsumingCounter); ok {
		return c.ReadyConsuming(ctx, queue)
	}
	return c.Ready(ctx, queue)
}
