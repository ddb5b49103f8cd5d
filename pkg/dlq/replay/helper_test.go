package replay_test

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func declareExchange(t *testing.T, ch *amqp.Channel, name, kind string, a amqp.Table) {
	t.Helper()
	must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, a))
}

func await(t *testing.T, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	for range 50 {
		m, ok, err := ch.Get(queue, false)
		must(t, err)
		if ok {
			return m
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing came into %q", queue)
	return amqp.Delivery{}
}

// lookCounter asks over AMQP, as msgctl does.
type lookCounter struct{ ch *amqp.Channel }

func (c lookCounter) Ready(_ context.Context, queue string) (int64, error) {
	q, err := c.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	return int64(q.Messages), err
}
