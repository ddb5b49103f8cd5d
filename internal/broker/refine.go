package broker

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Refine counts messages and consumers of the queues among refs again, and puts the counts into
// live.Status. It makes three requests per vhost for all queues. Where AMQP is reachable, it also
// declares each queue passively, which gives the ready messages and the consumers of this very
// moment. Messages that consumers hold unacknowledged are counted as the management API reports
// them (fact totals-are-late), and so are consumers of streams, which AMQP does not count (fact
// consumers-are-late). Where the API alone counts something in a queue without consumers, Refine
// waits until the broker had time to correct it: the queue may have been emptied a moment ago. A
// queue that is gone loses its status. Of those that are exclusive to a connection, and of those
// that the login has no permission on, only the API tells (fact
// passive-declaration-takes-permission).
func (c *Client) Refine(ctx context.Context, live *topology.Live, refs []topology.Ref) error {
	byVHost := map[string][]topology.Ref{}
	for _, ref := range refs {
		if ref.Kind == topology.KindQueue {
			byVHost[ref.VHost] = append(byVHost[ref.VHost], ref)
		}
	}
	for _, vhost := range slices.Sorted(maps.Keys(byVHost)) {
		var counts map[topology.Ref]topology.QueueStatus
		err := c.awaitCounts(ctx, func() (doubtful bool, err error) {
			counts, doubtful, err = c.countAll(ctx, vhost, byVHost[vhost], live)
			return doubtful, err
		})
		if err != nil {
			return c.explain(ctx, c.during("count messages"), err)
		}
		if live.Status == nil {
			live.Status = map[topology.Ref]topology.QueueStatus{}
		}
		for _, ref := range byVHost[vhost] {
			if s, ok := counts[ref]; ok {
				live.Status[ref] = s
			} else {
				delete(live.Status, ref)
			}
		}
	}
	return nil
}

// countAll counts once. It is doubtful if one of the counts may only be late.
func (c *Client) countAll(ctx context.Context, vhost string, refs []topology.Ref,
	live *topology.Live) (counts map[topology.Ref]topology.QueueStatus, doubtful bool, err error) {
	counts = map[topology.Ref]topology.QueueStatus{}
	if c.api != nil {
		if counts, err = c.api.Totals(ctx, vhost); err != nil {
			return nil, false, err
		}
	}
	conn, err := c.overAMQP(ctx, vhost)
	if err != nil || conn == nil {
		return counts, false, err
	}
	results, private, err := c.statuses(ctx, conn, refs, live)
	if err != nil {
		return nil, false, err
	}
	for i, ref := range refs {
		if private[i] {
			continue
		}
		if results[i] == nil {
			delete(counts, ref)
			continue
		}
		queue, _ := live.Get(ref)
		doubtful = doubtful || mayBeLate(queue, counts[ref], *results[i])
		counts[ref] = merge(counts[ref], *results[i])
	}
	return counts, doubtful, nil
}

// statuses counts the queues by passive declarations. private are those that are exclusive to
// another connection, which AMQP does not tell about. The status of one that does not exist is nil,
// that of one that the login has no permission on is not known.
func (c *Client) statuses(ctx context.Context, conn *amqp.RecoveringConnection, refs []topology.Ref,
	live *topology.Live) (results []*topology.QueueStatus, private []bool, err error) {
	results, private = make([]*topology.QueueStatus, len(refs)), make([]bool, len(refs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(amqp.Parallel)
	for i, ref := range refs {
		g.Go(guarded.Try(func() error {
			var err error
			if private[i] = live.IsExclusive(ref.VHost, ref.Name); private[i] {
				return nil // AMQP tells its own connection only
			}
			results[i], err = declare.Status(gctx, conn, ref.Name)
			if private[i] = amqp.IsLocked(err); private[i] {
				return nil // it was not there yet when the list was read
			}
			if c.api != nil && amqp.IsRefused(err) {
				results[i] = &topology.QueueStatus{}
				return nil
			}
			return err
		}))
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	return results, private, nil
}

// mayBeLate reports whether the management API counts messages that may have left the queue a
// moment ago. Its counts of classic queues are never late (fact totals-are-late), it has none of
// streams, and while consumers take messages no count is the last one.
func mayBeLate(queue topology.Object, listed, now topology.QueueStatus) bool {
	if q, ok := queue.(*topology.Queue); ok && q.Type != topology.Quorum {
		return false
	}
	return now.Known && listed.State == "" && now.Consumers == 0 && listed.Messages > now.Messages
}

// merge takes the larger counts: the API's see unacknowledged messages, those over AMQP are the
// latest of ready ones, and those of streams. Of a replicated queue that is not at work, AMQP says
// that it is empty.
func merge(listed, now topology.QueueStatus) topology.QueueStatus {
	state := cmp.Or(listed.State, now.State)
	return topology.QueueStatus{Messages: max(listed.Messages, now.Messages),
		Consumers: max(listed.Consumers, now.Consumers), Bytes: listed.Bytes,
		Known: (listed.Known || now.Known) && state == "", State: state}
}
