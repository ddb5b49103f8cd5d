package browse_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
)

// TestLimitedQueueKeepsTheOrder: a look into a queue with a delivery limit leaves its messages in their
// order, more of them than a broker returns in order by one nack.
func TestLimitedQueueKeepsTheOrder(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		const n = 100
		v := b.VHost(t)
		ch := v.Channel(t)
		declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": int32(30)}, "q")
		fill(t, ch, "q", n, nil)
		c := brokertest.Connect(t, v.User)
		var got seen
		_, err := browse.Browse(t.Context(), c.Source(v.Name), browse.Options{
			Assessment: assess(t, c, v.Name, "q", browse.AssessOptions{}), Counter: browseCounter{ch}, Expect: n}, got.each)
		must(t, err)
		awaitReady(t, ch, "q", n)
		if have := ids(drained(t, v, "q")); got.String() != numbers(0, n) || have != numbers(0, n) {
			t.Errorf("saw %s\nleft %s", &got, have)
		}
	})
}
