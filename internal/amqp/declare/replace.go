package declare

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Replace deletes an empty queue and declares another of the same name. Both requests are sent
// together, so that the name is missing for as short as the broker allows. gap is the time from the
// request to the answer: the longest time that the name can have been missing. Replace has a
// connection of its own and is not repeated when that is lost: what happened is then unknown.
//
// A classic queue with ready messages is refused by the broker, and a queue of another type by a
// count right before (fact delete-conditions-classic-only). The latter error wraps
// topology.ErrInUse.
func Replace(ctx context.Context, c *amqp.Client, old, want *topology.Queue) (gap time.Duration, err error) {
	l, err := c.Dial(ctx, old.VHost)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	err = l.Do(ctx, func(ch *amqp091.Channel) error {
		if old.Type != topology.Classic {
			if err := idle(ch, old, topology.DeleteConditions{IfEmpty: true}); err != nil {
				return err
			}
		}
		begin := time.Now()
		if _, err := ch.QueueDelete(old.Name, false, old.Type == topology.Classic, true); err != nil {
			return err
		}
		err := declaration(want)(ch)
		gap = time.Since(begin)
		return err
	})
	return gap, err
}
