package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// diedIn is the queue in which the dead letters of a replay say that they died first.
const diedIn = "bench.work"

// deadLetter is the i-th message: persistent JSON of size bytes with the headers that a broker
// gives to a rejected message, one of a thousand that died in the same second, and a trace of its
// own, so that no two messages have the same headers.
func deadLetter(i, size int, queue string) amqp.Publishing {
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

// fill publishes n messages to an exchange and returns when every queue has them.
func (l *link) fill(ctx context.Context, exchange string, n int, queues []string,
	message func(i int) amqp.Publishing) error {
	for i := range n {
		if err := l.channel.PublishWithContext(ctx, exchange, "", false, false, message(i)); err != nil {
			return fmt.Errorf("fill the queues: %w", err)
		}
	}
	for _, q := range queues {
		if err := l.await(ctx, q, n); err != nil {
			return err
		}
	}
	return nil
}

// link is a connection with one channel.
type link struct {
	connection *amqp.Connection
	channel    *amqp.Channel
}

func (b broker) dial() (*link, error) {
	connection, err := amqp.Dial(b.amqp + "/" + vhost)
	if err != nil {
		return nil, err
	}
	channel, err := connection.Channel()
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return &link{connection, channel}, nil
}

func (l *link) close() { _ = l.connection.Close() }

func (l *link) declare(queue, kind string) error {
	_, err := l.channel.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": kind})
	return err
}

// clear empties queues. They stay until their vhost goes: 3.10.8 loses the write-ahead log of its
// quorum queues when a large one is deleted soon after it was filled, and with it whatever is
// measured next.
func (l *link) clear(queues ...string) error {
	for _, q := range queues {
		if _, err := l.channel.QueuePurge(q, false); err != nil {
			return err
		}
	}
	return nil
}

// fanout declares queues and an exchange that gives each of them a copy.
func (l *link) fanout(exchange, kind string, queues []string) error {
	if err := l.channel.ExchangeDeclare(exchange, "fanout", true, false, false, false, nil); err != nil {
		return err
	}
	for _, q := range queues {
		if err := l.declare(q, kind); err != nil {
			return err
		}
		if err := l.channel.QueueBind(q, "", exchange, false, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *link) ready(queue string) (int, error) {
	q, err := l.channel.QueueDeclarePassive(queue, true, false, false, false, nil)
	return q.Messages, err
}

// Bounds of waiting for a count.
const (
	pollEvery = 5 * time.Millisecond
	stuck     = 2 * time.Minute
)

// await returns as soon as n messages are ready in a queue, and an error when their number has not
// changed for long.
func (l *link) await(ctx context.Context, queue string, n int) error {
	last, since := -1, time.Now()
	for {
		now, err := l.ready(queue)
		if err != nil {
			return err
		}
		if now == n {
			return nil
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > stuck {
			return fmt.Errorf("queue %s has %d messages for %v, not %d", queue, now, stuck, n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}
