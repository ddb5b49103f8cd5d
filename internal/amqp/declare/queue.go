package declare

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Counts has the counts that a passive declaration of a queue returns. Messages counts ready
// messages.
type Counts struct{ Messages, Consumers int64 }

// Count returns the counts of a queue from a passive declaration. A missing queue is an error: see
// amqp.IsNotFound. It fails if the leader of the queue does not answer: such a queue only seems to
// be empty.
func Count(ctx context.Context, conn *amqp.RecoveringConnection, q *topology.Queue) (n Counts, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) (err error) {
		n, err = counted(ch, q)
		return err
	})
	return n, err
}

// counted is inspect, but returns an error if the leader of a quorum queue does not answer. A queue
// whose type is not known may be one.
func counted(ch *amqp091.Channel, q *topology.Queue) (Counts, error) {
	n, answered, err := inspect(ch, q.Name, patience)
	if err == nil && !answered && (q.Type == topology.Quorum || q.Type == "") {
		err = &refusal.Error{Text: "its leader does not answer, so that nobody knows what it holds",
			Sentinel: topology.ErrUnreachable}
	}
	return n, err
}

// patience is how long a question is repeated that the leader of a queue does not answer.
const patience = 5 * time.Second

// inspect declares a queue passively, which reads none of the flags. answered is false if the
// leader did not answer within the time: see amqp.LeaderCheck.
func inspect(ch *amqp091.Channel, queue string, within time.Duration) (n Counts, answered bool, err error) {
	for end := time.Now().Add(within); ; {
		asked := time.Now()
		q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		if err != nil {
			return n, false, err
		}
		took := time.Since(asked)
		n = Counts{Messages: int64(q.Messages), Consumers: int64(q.Consumers)}
		leader := amqp.LeaderCheck{Ping: func() error { return ch.Qos(0, 0, false) }}
		answered, err = leader.Answered(q, took)
		if err != nil || answered || time.Now().After(end) {
			return n, answered, err
		}
	}
}

// Status returns the counts of a queue as a topology.QueueStatus, or nil if the queue does not
// exist. They are not known if the queue is down or its leader does not answer.
func Status(ctx context.Context, conn *amqp.RecoveringConnection, queue string) (*topology.QueueStatus, error) {
	return status(ctx, conn, queue, patience)
}

func status(ctx context.Context, conn *amqp.RecoveringConnection, queue string,
	within time.Duration) (s *topology.QueueStatus, err error) {
	err = conn.Do(ctx, func(ch *amqp091.Channel) error {
		n, answered, err := inspect(ch, queue, within)
		s = &topology.QueueStatus{Messages: n.Messages, Consumers: n.Consumers, Known: answered}
		return err
	})
	switch {
	case amqp.IsNotFound(err):
		return nil, nil
	case amqp.IsDown(err):
		return &topology.QueueStatus{State: "down"}, nil
	case err != nil:
		return nil, err
	}
	return s, nil
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
