package browse_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func declareQueues(t *testing.T, ch *amqp.Channel, a amqp.Table, names ...string) {
	t.Helper()
	for _, n := range names {
		_, err := ch.QueueDeclare(n, true, false, false, false, a)
		must(t, err)
	}
}
