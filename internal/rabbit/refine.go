package rabbit

import (
	"context"
	"maps"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Refine counts messages and consumers of the queues among refs again, and puts the counts into
// live.Status: with three requests per vhost for all queues, and where AMQP is reachable a passive
// declaration per queue, which gives the ready messages and the consumers of this very moment.
// Messages that consumers hold unacknowledged are counted as the management API reports them: at
// once for classic queues, up to 4 s late for quorum queues. Consumers of streams, which AMQP does
// not count, show up to 5 s late (3.10.8, 4.0.5, 4.3.6). A queue that is gone loses its status.
func (c *Client) Refine(ctx context.Context, live *topology.Live, refs []topology.Ref) error {
	byVHost := map[string][]topology.Ref{}
	for _, ref := range refs {
		if ref.Kind == topology.KindQueue {
			byVHost[ref.VHost] = append(byVHost[ref.VHost], ref)
		}
	}
	for _, vhost := range slices.Sorted(maps.Keys(byVHost)) {
		counts, err := c.count(ctx, vhost, byVHost[vhost])
		if err != nil {
			return c.explainer("", nil).withOp("count messages").explain(ctx, err)
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

func (e explainer) withOp(op string) explainer { e.op = op; return e }

func (c *Client) count(ctx context.Context, vhost string, refs []topology.Ref) (map[topology.Ref]topology.QueueStatus,
	error) {
	counts := map[topology.Ref]topology.QueueStatus{}
	if c.api != nil {
		var err error
		if counts, err = c.totals(ctx, vhost); err != nil {
			return nil, err
		}
	}
	s, err := c.overAMQP(ctx, vhost)
	if err != nil || s == nil {
		return counts, err
	}
	results := make([]*topology.QueueStatus, len(refs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(channelsPerSession)
	for i, ref := range refs {
		g.Go(func() error {
			var err error
			results[i], err = passive(gctx, s, ref.Name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, ref := range refs {
		if results[i] == nil {
			delete(counts, ref)
			continue
		}
		counts[ref] = merge(counts[ref], *results[i])
	}
	return counts, nil
}

// merge takes the larger counts: the one source sees unacknowledged messages, the other the latest
// ready ones and those of streams.
func merge(a, b topology.QueueStatus) topology.QueueStatus {
	return topology.QueueStatus{Messages: max(a.Messages, b.Messages), Consumers: max(a.Consumers, b.Consumers),
		Known: a.Known || b.Known}
}

// passive returns the counts of a queue, nil when it is gone.
func passive(ctx context.Context, s *session, name string) (*topology.QueueStatus, error) {
	var status *topology.QueueStatus
	err := s.do(ctx, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if err == nil {
			status = &topology.QueueStatus{Messages: int64(q.Messages), Consumers: int64(q.Consumers), Known: true}
		}
		return err
	})
	return status, missingIsFine(err)
}

// totals counts messages and consumers of every queue of a vhost by three list requests.
func (c *Client) totals(ctx context.Context, vhost string) (map[topology.Ref]topology.QueueStatus, error) {
	counts := map[topology.Ref]topology.QueueStatus{}
	err := listQueues(ctx, c.api, vhost, "name,messages", queueName, func(q *queueJSON) error {
		ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: q.Name}
		if q.Messages != nil {
			counts[ref] = topology.QueueStatus{Messages: *q.Messages, Known: true}
		} else {
			counts[ref] = topology.QueueStatus{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.consumers(ctx, vhost, func(queue string) {
		ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: queue}
		s := counts[ref]
		s.Consumers++
		counts[ref] = s
	})
	return counts, err
}

type consumerJSON struct {
	Queue struct {
		Name string `json:"name"`
	} `json:"queue"`
}

// consumers calls each with the queue of every consumer in the vhost. A new one shows up to 5 s
// late (3.10.8, 4.0.5, 4.3.6).
func (c *Client) consumers(ctx context.Context, vhost string, each func(queue string)) error {
	return list(ctx, c.api, path("consumers", vhost)+"?columns=queue.name", func(k *consumerJSON) error {
		each(k.Queue.Name)
		return nil
	})
}
