package declare

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts has the counts that a passive declaration of a queue returns. Messages counts ready
// messages. Both are 0 for a quorum queue whose leader stays busy (fact
// busy-leader-counts-nothing).
type Counts struct{ Messages, Consumers int64 }

// Count returns the counts of a queue from a passive declaration. A missing queue is an error: see
// amqp.IsNotFound.
func Count(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (n Counts, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) error {
		q, _, err := inspect(ch, &topology.Queue{Name: queue, Durable: true})
		n = Counts{Messages: int64(q.Messages), Consumers: int64(q.Consumers)}
		return err
	})
	return n, err
}

// A broker waits 250 ms for the leader of a quorum queue. An empty answer that took busyLeader
// longer than a round trip may mean that the leader did not answer. The question is then repeated,
// for at most patience.
const (
	busyLeader = 200 * time.Millisecond
	patience   = 2 * time.Second
)

// inspect declares a queue passively. answered is false if the leader did not answer: the queue
// then seems to have no messages and no consumers (fact busy-leader-counts-nothing).
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

// roundTrip returns the shortest of five round trips: on a busy machine any single one may be slow.
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

// Status returns the counts of a queue as a topology.QueueStatus, or nil if the queue does not
// exist.
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

// Purge deletes the ready messages of a queue and returns their number.
func Purge(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (int64, error) {
	var gone int64
	err := conn.Do(ctx, func(ch *amqp091.Channel) error {
		n, err := ch.QueuePurge(queue, false)
		gone += int64(n)
		return err
	})
	return gone, err
}
