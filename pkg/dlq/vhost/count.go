package vhost

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Count reads the counts again, those of dead-letter queues from the queues themselves. It fails if
// the list cannot be read, or if ctx ends. A queue that cannot be counted keeps the count of the
// list.
func (v *VHost) Count(ctx context.Context) error {
	if err := v.CountLists(ctx); err != nil {
		return err
	}
	return v.recount(ctx)
}

// CountLists reads the counts again from lists only, however many queues there are. If they cannot
// be read, it returns the error and changes nothing.
func (v *VHost) CountLists(ctx context.Context) error {
	counts, err := v.Broker.Counts(ctx, v.Name)
	if err != nil {
		return err
	}
	v.Counts = counts
	if v.Live.Status == nil {
		v.Live.Status = map[topology.Ref]topology.QueueStatus{}
	}
	for name, n := range counts {
		v.Live.Status[v.Ref(name)] = topology.QueueStatus{Messages: n.Ready + n.Unacked, Consumers: n.Consumers,
			Known: n.Known}
	}
	v.Found = discover.Live(v.Live, discover.Options{Match: v.Options.Match, VHosts: []string{v.Name}})
	return nil
}

// exactCounts is how many dead-letter queues are counted one by one.
const exactCounts = 200

// maxUncountable is how many of them may fail before no more is counted.
const maxUncountable = 3

// recount counts the dead-letter queues themselves, because the list is some seconds late. Those that
// cannot be counted keep the counts of the list. After one whose leader does not answer, or some that
// failed, all others do: without AMQP access, each would take its time in vain.
func (v *VHost) recount(ctx context.Context) error {
	failed := 0
	for i := range v.Found.Queues[:min(len(v.Found.Queues), exactCounts)] {
		q := &v.Found.Queues[i]
		if v.Live.IsExclusive(v.Name, q.Name) {
			continue // only its connection may ask
		}
		switch err := v.CountQueue(ctx, q.Name); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			q.Status = v.Live.Status[q.Ref()]
		case errors.Is(err, topology.ErrUnreachable):
			return nil
		default:
			if failed++; failed == maxUncountable {
				return nil
			}
		}
	}
	return nil
}

// CountQueue counts one queue again. If that fails, it returns the error and changes nothing.
func (v *VHost) CountQueue(ctx context.Context, name string) error {
	ready, err := v.Ready(ctx, name)
	if err != nil {
		return err
	}
	n := v.Counts[name]
	n.Ready, n.Known = ready, true
	v.Counts[name] = n
	status := v.Live.Status[v.Ref(name)]
	status.Messages, status.Known = n.Ready+n.Unacked, true
	v.Live.Status[v.Ref(name)] = status
	return nil
}

// Ready counts the ready messages of a queue. The error wraps topology.ErrUnreachable if the leader
// of the queue does not answer.
func (v *VHost) Ready(ctx context.Context, name string) (int64, error) {
	return v.Broker.Ready(ctx, v.Name, name)
}

// counter adapts a broker to browse.Counter.
type counter struct {
	broker Broker
	vhost  string
}

// Counter returns a counter of the ready messages of the vhost's queues.
func (v *VHost) Counter() browse.ConsumingCounter { return counter{v.Broker, v.Name} }

// Ready implements browse.Counter.
func (c counter) Ready(ctx context.Context, queue string) (int64, error) {
	return c.broker.Ready(ctx, c.vhost, queue)
}

// Unacked implements pipeline.UnackedCounter.
func (c counter) Unacked(ctx context.Context, queue string) (int64, error) {
	counts, err := c.broker.Counts(ctx, c.vhost)
	return counts[queue].Unacked, err
}

// ReadyConsuming implements browse.ConsumingCounter.
func (c counter) ReadyConsuming(ctx context.Context, queue string) (int64, error) {
	return c.broker.ReadyConsuming(ctx, c.vhost, queue)
}
