package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts returns the counts of every queue of a vhost by three list requests (facts
// totals-are-late, counts-are-late). The list has no counts of streams: these are counted one by
// one over AMQP, if it can be reached. The map also has crashed queues.
func (c *Client) Counts(ctx context.Context, vhost string) (map[string]topology.QueueCounts, error) {
	counts, streams, err := c.api.Counts(ctx, vhost)
	if err != nil || len(streams) == 0 {
		return counts, err
	}
	conn, err := c.overAMQP(ctx, vhost)
	if err != nil || conn == nil {
		return counts, err
	}
	for _, name := range streams {
		status, err := declare.Status(ctx, conn, name)
		if amqp.IsRefused(err) {
			continue // not known: fact passive-declaration-takes-permission
		}
		if err != nil {
			return counts, c.explain(ctx, c.during("count messages"), err)
		}
		if status != nil && status.Known {
			n := counts[name]
			n.Ready, n.Known = status.Messages, true
			counts[name] = n
		}
	}
	return counts, nil
}

// Ready returns how many messages of a queue are ready now, by a passive declaration. It fails if
// there is no such queue; if the leader of the queue does not answer for some seconds, the error
// wraps topology.ErrUnreachable.
func (c *Client) Ready(ctx context.Context, vhost, queue string) (int64, error) {
	n, err := c.count(ctx, vhost, queue)
	return n.Messages, err
}

// ReadyConsuming is Ready for a caller that consumes from the queue at the same time. An answer
// without a consumer is then wrong: the leader of a quorum queue is busy
// (fact busy-leader-counts-nothing). The error wraps topology.ErrUnreachable.
func (c *Client) ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error) {
	n, err := c.count(ctx, vhost, queue)
	if err == nil && n.Messages == 0 && n.Consumers == 0 {
		return 0, &refusal.Error{Op: fmt.Sprintf("count messages of queue %q", queue), Text: "its leader does not answer",
			Sentinel: topology.ErrUnreachable}
	}
	return n.Messages, err
}

func (c *Client) count(ctx context.Context, vhost, queue string) (declare.Counts, error) {
	n, err := declare.Count(ctx, c.connection(vhost), &topology.Queue{VHost: vhost, Name: queue})
	return n, c.explain(ctx, c.onQueue("count messages of", vhost, queue), err)
}

// Purge destroys the ready messages of a queue and returns how many there were.
func (c *Client) Purge(ctx context.Context, vhost, queue string) (int64, error) {
	n, err := declare.Purge(ctx, c.connection(vhost), queue)
	return n, c.explain(ctx, c.onQueue("purge", vhost, queue), err)
}

func (c *Client) onQueue(verb, vhost, queue string) refusal.Operation {
	return c.on(verb, &topology.Queue{VHost: vhost, Name: queue})
}

// MessageBytes returns how many bytes of its limit the messages of a queue take, and how many
// messages these are. Both are statistics (fact statistics-are-late). bytes is -1 if the broker
// does not report them.
func (c *Client) MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error) {
	if c.api == nil {
		return -1, 0, nil
	}
	return c.api.MessageBytes(ctx, vhost, queue)
}

// ReadyBytes returns the bytes of the ready messages of every queue of a vhost by one list request.
// They are statistics (fact statistics-are-late). Queues without statistics are missing.
func (c *Client) ReadyBytes(ctx context.Context, vhost string) (map[string]int64, error) {
	return c.api.ReadyBytes(ctx, vhost)
}

// QueueBytes returns how many bytes of its limit the messages of each queue of a vhost take. They
// are statistics (fact statistics-are-late), which the broker collects for every queue of the
// vhost.
func (c *Client) QueueBytes(ctx context.Context, vhost string) (map[string]int64, error) {
	return c.api.QueueBytes(ctx, vhost)
}

// Applied returns the names of the policy and the operator policy that a queue has now, "" for
// none.
func (c *Client) Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error) {
	return c.api.Applied(ctx, vhost, queue)
}

// Tracing reports whether the broker publishes a copy of everything in a vhost to
// amq.rabbitmq.trace.
func (c *Client) Tracing(ctx context.Context, vhost string) (bool, error) {
	if c.api == nil {
		return false, errors.New("see whether tracing is on: that takes the management API")
	}
	return c.api.Tracing(ctx, vhost)
}

// awaitCounts calls count until it has no doubt, or until the broker had time to correct counts
// that are late. The time begins with the first doubt, and all that count share it: many queues in
// use do not add up to a long wait.
func (c *Client) awaitCounts(ctx context.Context, count func() (doubtful bool, err error)) error {
	for waited := false; ; waited = true {
		doubtful, err := count()
		if err != nil || c.caughtUp(doubtful, waited) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(countsEvery):
		}
	}
}

// caughtUp reports whether there is nothing to wait for.
func (c *Client) caughtUp(doubtful, waited bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !doubtful && waited:
		c.doubted = time.Time{} // the next doubtful count waits anew
	case doubtful && c.doubted.IsZero():
		c.doubted = time.Now()
	}
	return !doubtful || time.Since(c.doubted) > c.settle
}

const (
	// countsSettle is longer than the counts of a broker that is not overloaded are late (fact
	// counts-are-late).
	countsSettle = 10 * time.Second
	// countsEvery is how often they are asked for meanwhile.
	countsEvery = time.Second / 2
)
