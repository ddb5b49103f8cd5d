package declare

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts are what a passive declaration tells of a queue: Messages are ready ones. They are 0
// for a quorum queue whose leader stays busy (fact busy-leader-counts-nothing).
type Counts struct{ Messages, Consumers int64 }

// Count declares a queue passively. A missing one is an error: see amqp.IsNotFound.
func Count(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (n Counts, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) error {
		q, _, err := inspect(ch, &topology.Queue{Name: queue, Durable: true})
		n = Counts{Messages: int64(q.Messages), Consumers: int64(q.Consumers)}
		return err
	})
	return n, err
}

// A broker waits 250 ms for the leader of a quorum queue. An empty answer that took busyLeader longer
// than a round trip may be none, and is asked for again, for patience at most.
const (
	busyLeader = 200 * time.Millisecond
	patience   = 2 * time.Second
)

// inspect declares a queue passively. Without an answer of its leader, answered is false, and the
// queue seems to be empty and without consumers (fact busy-leader-counts-nothing).
func inspect(ch *amqp091.Channel, want *topology.Queue) (q amqp091.Queue, answered bool, err error) {
	for end := time.Now().Add(patience); ; {
		asked := time.Now()
		q, err = ch.QueueDeclarePassive(want.Name, want.Durable, want.AutoDelete, want.Exclusive, false, nil)
		took := time.Since(asked)
		if err != nil || q.Messages+q.Consumers > 0 || took < busyLeader {
			return q, true, err
		}
		quick, err := roundTrip(ch)
		if err != nil || took < quick+busyLeader {
			return q, true, err
		}
		if time.Now().After(end) {
			return q, false, nil
		}
	}
}

// roundTrip returns the shortest of a few: on a busy machine, any one of them may be slow.
func roundTrip(ch *amqp091.Channel) (time.Duration, error) {
	shortest := patience
	for range 5 {
		start := time.Now()
		if err := ch.Qos(0, 0, false); err != nil {
			return 0, err
		}
		shortest = min(shortest, time.Since(start))
	}
	return shortest, nil
}

// Status is Count as a topology has it, nil when the queue is gone.
func Status(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (*topology.QueueStatus, error) {
	n, err := Count(ctx, conn, queue)
	switch {
	case amqp.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &topology.QueueStatus{Messages: n.Messages, Consumers: n.Consumers, Known: true}, nil
}

// Purge destroys the ready messages of a queue and returns how many there were.
func Purge(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (int64, error) {
	var gone int64
	err := conn.Do(ctx, func(ch *amqp091.Channel) error {
		n, err := ch.QueuePurge(queue, false)
		gone += int64(n)
		return err
	})
	return gone, err
}
