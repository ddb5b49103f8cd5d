package replay_test

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		m, ok, err := ch.Get(queue, false)
		must(t, err)
		if ok {
			return m
		}
	}
	t.Fatalf("nothing came into %q in a minute", queue)
	return amqp.Delivery{}
}

// browseCounter asks over AMQP, as msgctl does.
type browseCounter struct{ ch *amqp.Channel }

func (c browseCounter) Ready(_ context.Context, queue string) (int64, error) {
	q, err := rabbittest.CountQueue(c.ch, queue)
	return int64(q.Messages), err
}
