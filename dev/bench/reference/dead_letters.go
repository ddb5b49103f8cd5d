package reference

import (
	"bytes"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DiedIn is the queue in which the dead letters of a replay say that they died first.
const DiedIn = "bench.work"

// DeadLetter is the i-th message: persistent JSON of size bytes with the headers that a broker
// gives to a rejected message, one of a thousand that died in the same second, and a trace of its
// own, so that no two messages have the same headers.
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
