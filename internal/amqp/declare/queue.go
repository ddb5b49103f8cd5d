package declare

import (
	"context"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts are what a passive declaration tells of a queue: Messages are ready ones. They are 0
// for a quorum queue whose leader is busy (fact busy-leader-counts-nothing).
type Counts struct{ Messages, Consumers int64 }

// Count declares a queue passively. A missing one is an error: see amqp.IsNotFound.
func Count(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (n Counts, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		n = Counts{Messages: int64(q.Messages), Consumers: int64(q.Consumers)}
		return err
	})
	return n, err
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
