package declare

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts has the counts that a passive declaration of a queue returns. Messages counts ready
// messages.
type Counts struct{ Messages, Consumers int64 }

// Count returns the counts of a queue from a passive declaration. A missing queue is an error: see
// amqp.IsNotFound. It fails if the leader of the queue does not answer: such a queue only seems to
// be empty.
func Count(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (Counts, error) {
	n, answered, err := count(ctx, conn, queue)
	if err == nil && !answered {
		err = noLeader()
	}
	return n, err
}

func count(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (n Counts, answered bool, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) (err error) {
		var q amqp091.Queue
		q, answered, err = inspect(ch, &topology.Queue{Name: queue, Durable: true})
		n = Counts{Messages: int64(q.Messages), Consumers: int64(q.Consumers)}
		return err
	})
	return n, answered, err
}

// patience is how long inspect repeats a question that the leader of a queue does not answer.
const patience = 5 * time.Second

// inspect declares a queue passively. answered is false if the leader did not answer: see
// amqp.LeaderCheck.
func inspect(ch *amqp091.Channel, want *topology.Queue) (q amqp091.Queue, answered bool, err error) {
	for end := time.Now().Add(patience); ; {
		asked := time.Now()
		q, err = ch.QueueDeclarePassive(want.Name, want.Durable, want.AutoDelete, want.Exclusive, false, nil)
		if err != nil {
			return q, true, err
		}
		took := time.Since(asked)
		leader := amqp.LeaderCheck{Ping: func() error { return ch.Qos(0, 0, false) }}
		answered, err = leader.Answered(q, took)
		if err != nil || answered || time.Now().After(end) {
			return q, answered, err
		}
	}
}

// Status returns the counts of a queue as a topology.QueueStatus, or nil if the queue does not
// exist or is down: see amqp.IsDown. They are not known if the leader of the queue does not answer.
func Status(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (*topology.QueueStatus, error) {
	n, answered, err := count(ctx, conn, queue)
	switch {
	case amqp.IsNotFound(err) || amqp.IsDown(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &topology.QueueStatus{Messages: n.Messages, Consumers: n.Consumers, Known: answered}, nil
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
