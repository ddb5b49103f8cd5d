package reference

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Payload returns the payload of the i-th event. It is size bytes long, unless size is too small
// for its fixed fields.
func Payload(i, size int) []byte {
	body := fmt.Appendf(nil, `{"orderId":"o-%07d","customerId":"c-%04d","items":[{"productId":"p-7","quantity":2,"price":19.90}],"totalAmount":39.8,"currency":"EUR","note":"`, i, i%5000)
	if fill := size - len(body) - 2; fill > 0 {
		body = append(body, bytes.Repeat([]byte("x"), fill)...)
	}
	return append(body, `"}`...)
}

// wholeEvent returns a message with the size and the properties of a message that msgctl sends.
func wholeEvent(i int) amqp.Publishing {
	return amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent,
		MessageId: fmt.Sprintf("01a21300-0000-7000-8000-%012d", i), Type: "order.created",
		AppId: "bench", Timestamp: time.Unix(1700000000, 0), Body: Payload(i, EventSize)}
}

// Pour publishes n events to an exchange as fast as the broker accepts them.
func (l *Link) Pour(ctx context.Context, exchange string, n int) error {
	for i := range n {
		body := fmt.Appendf(nil, `{"eventId":"0198c2f1-7b3a-7c55-9d8e-%012d","eventType":"order.created","aggregateType":"Order","aggregateId":"o-%d","timestamp":"2026-01-31T12:00:00Z","version":1,"metadata":{"correlationId":"c-%d"},"payload":{"orderId":"o-%d","note":"`, i, i, i/4, i)
		body = append(body, bytes.Repeat([]byte("x"), max(0, EventSize-len(body)-3))...)
		p := amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent, Type: "order.created",
			MessageId:     strconv.Itoa(i),
			CorrelationId: strconv.Itoa(i / 4), Timestamp: time.Unix(1700000000, 0), Body: append(body, `"}}`...)}
		if err := l.Channel.PublishWithContext(ctx, exchange, "order.created", false, false, p); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}
