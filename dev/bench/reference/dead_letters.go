package reference

import (
	"bytes"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DiedIn is the queue that the headers of the dead letters name as the place of their first death.
// A replay returns them to it.
const DiedIn = "bench.work"

// DeadLetter returns the i-th dead letter: a persistent JSON message of size bytes with the headers
// that a broker adds to a dead-lettered message. Each block of 1,000 messages has the same time of
// death. The traceparent is different for every message, so no two messages have the same headers.
func DeadLetter(i, size int, queue string) amqp.Publishing {
	tenant, reason := "acme", "rejected"
	if i%2 == 1 {
		tenant = "globex"
	}
	if i%5 == 0 {
		reason = "expired"
	}
	died := time.Unix(1700000000+int64(i/1000), 0)
	body := fmt.Appendf(nil, `{"orderId":"order-%07d","customerId":"c-%04d","totalAmount":%d.50,"currency":"EUR","note":"`,
		i, i%5000, i%300)
	if fill := size - len(body) - 2; fill > 0 {
		body = append(body, bytes.Repeat([]byte("x"), fill)...)
	}
	return amqp.Publishing{
		MessageId: fmt.Sprintf("id-%07d",
			i), ContentType: "application/json", DeliveryMode: amqp.Persistent, Type: "order.created",
		Timestamp: time.Unix(1700000000, 0), Body: append(body, `"}`...),
		Headers: amqp.Table{
			"x-first-death-exchange": "orders.exchange", "x-first-death-queue": queue, "x-first-death-reason": reason,
			"tenant": tenant, "attempt": int64(3), "traceparent": fmt.Sprintf("00-%032x-%016x-01", i, i),
			"x-death": []any{amqp.Table{
				"count": int64(1), "exchange": "orders.exchange", "queue": queue, "reason": reason,
				"routing-keys": []any{"order.created"}, "time": died,
			}},
		},
	}
}
