package dlq

import "context"

// ConsumingCounter is a Counter that can be asked by who consumes from the queue at the same time.
//
// A quorum queue whose leader is busy for longer than 250 ms has no messages and no consumers, says
// a passive declare (rabbit_quorum_queue:stat/1; seen under a memory alarm on 4.0.5 and 4.3.6). Who
// knows of a consumer knows that this is no answer.
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
