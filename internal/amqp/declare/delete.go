package declare

import (
	"context"
	"fmt"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
)

// settle is how long unread waits for a stream to deliver a message (fact stream-count-is-late).
const settle = time.Second

// InUse returns an error with the formatted text that wraps topology.ErrInUse.
func InUse(format string, args ...any) error {
	return &refusal.Error{Text: fmt.Sprintf(format, args...), Sentinel: topology.ErrInUse}
}

// DeleteQueue deletes a queue. It uses the broker's own conditions where the queue type has them
// (fact delete-conditions-classic-only). For other types it counts right before the deletion: a
// message that arrives in between is lost, and a consumer is cut off. A stream is also read from
// its beginning. AMQP does not count the consumers of a stream.
func DeleteQueue(ctx context.Context, conn *amqp.RecoveringConnection, q *topology.Queue,
	conditions topology.DeleteConditions) error {
	return conn.Do(ctx, func(ch *amqp091.Channel) error {
		if q.Type != topology.Classic && (conditions.IfEmpty || conditions.IfUnused) {
			return deleteChecked(ch, q, conditions)
		}
		_, err := ch.QueueDelete(q.Name, conditions.IfUnused, conditions.IfEmpty, false)
		return err
	})
}

// deleteChecked deletes a quorum queue or stream if its counts meet the conditions: see
// DeleteQueue.
func deleteChecked(ch *amqp091.Channel, q *topology.Queue, conditions topology.DeleteConditions) error {
	if err := idle(ch, q, conditions); err != nil {
		return err
	}
	if q.Type == topology.Stream && conditions.IfEmpty {
		if err := unread(ch, q); err != nil {
			return err
		}
		if err := idle(ch, q, conditions); err != nil {
			return err
		}
	}
	_, err := ch.QueueDelete(q.Name, false, false, false)
	return err
}

// unread returns an error if a stream holds a message. It reads from the beginning, which removes
// nothing, and always ends its consumer (fact deleted-stream-consumers).
func unread(ch *amqp091.Channel, q *topology.Queue) error {
	if err := ch.Qos(1, 0, false); err != nil {
		return err
	}
	const tag = "msgctl.delete"
	deliveries, err := ch.Consume(q.Name, tag, false, false, false, false, amqp091.Table{"x-stream-offset": "first"})
	if err != nil {
		return err
	}
	select {
	case _, ok := <-deliveries:
		if !ok {
			return amqp091.ErrClosed
		}
		_ = ch.Close() // with the consumer
		return InUse("it holds messages")
	case <-time.After(settle):
		return ch.Cancel(tag, false)
	}
}

// idle returns an error if the counts of the queue do not meet the conditions.
func idle(ch *amqp091.Channel, q *topology.Queue, conditions topology.DeleteConditions) error {
	n, err := counted(ch, q)
	if err != nil {
		return err
	}
	if conditions.IfEmpty && n.Messages > 0 {
		return InUse("it holds %s", units.FormatCount(n.Messages, "message"))
	}
	if conditions.IfUnused && n.Consumers > 0 {
		return InUse("it has %s", units.FormatCount(n.Consumers, "consumer"))
	}
	return nil
}
