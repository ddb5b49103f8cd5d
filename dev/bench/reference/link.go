package reference

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Rest is how long the benchmark waits for the broker to finish its background work.
const Rest = 2 * time.Second

// Link is an AMQP connection with one channel.
type Link struct {
	connection *amqp.Connection
	Channel    *amqp.Channel
}

// Dial opens a Link to the vhost of the benchmark.
func (b Broker) Dial() (*Link, error) {
	connection, err := amqp.Dial(b.amqp + "/" + VHost)
	if err != nil {
		return nil, err
	}
	channel, err := connection.Channel()
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return &Link{connection, channel}, nil
}

// Close closes the connection and ignores errors.
func (l *Link) Close() { _ = l.connection.Close() }

// Declare declares a durable queue of the queue type kind.
func (l *Link) Declare(queue, kind string) error {
	_, err := l.Channel.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": kind})
	return err
}

// Fill publishes n messages to an exchange and returns when each of the queues has n messages.
func (l *Link) Fill(ctx context.Context, exchange string, n int, queues []string,
	message func(i int) amqp.Publishing) error {
	for i := range n {
		if err := l.Channel.PublishWithContext(ctx, exchange, "", false, false, message(i)); err != nil {
			return fmt.Errorf("fill the queues: %w", err)
		}
	}
	for _, q := range queues {
		if err := l.Await(ctx, q, n); err != nil {
			return err
		}
	}
	return nil
}

// Clear purges queues. It does not delete them, which would spoil the next measurement (fact
// large-delete-loses-log).
func (l *Link) Clear(queues ...string) error {
	for _, q := range queues {
		if _, err := l.Channel.QueuePurge(q, false); err != nil {
			return err
		}
	}
	return nil
}

// Fanout declares queues of the queue type kind and a fanout exchange that is bound to all of them.
func (l *Link) Fanout(exchange, kind string, queues []string) error {
	if err := l.Channel.ExchangeDeclare(exchange, "fanout", true, false, false, false, nil); err != nil {
		return err
	}
	for _, q := range queues {
		if err := l.Declare(q, kind); err != nil {
			return err
		}
		if err := l.Channel.QueueBind(q, "", exchange, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// Ready returns the number of messages in a queue that are ready for delivery.
func (l *Link) Ready(queue string) (int, error) {
	q, err := l.Channel.QueueDeclarePassive(queue, true, false, false, false, nil)
	return q.Messages, err
}

// pollEvery is the interval at which Await counts. stuck is how long a count may stay unchanged.
const (
	pollEvery = 5 * time.Millisecond
	stuck     = 2 * time.Minute
)

// Await returns when exactly n messages are ready in a queue. It returns an error if their number
// does not change for two minutes.
func (l *Link) Await(ctx context.Context, queue string, n int) error {
	last, since := -1, time.Now()
	for {
		now, err := l.Ready(queue)
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

const consumerTag = "bench"

// Consume subscribes to a queue with manual acknowledgements and the given prefetch.
func (l *Link) Consume(queue string, prefetch int) (<-chan amqp.Delivery, error) {
	if err := l.Channel.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	return l.Channel.Consume(queue, consumerTag, false, false, false, false, nil)
}

func receive(ctx context.Context, deliveries <-chan amqp.Delivery) (amqp.Delivery, error) {
	select {
	case d, ok := <-deliveries:
		if !ok {
			return d, errors.New("the bare consumer ended early")
		}
		return d, nil
	case <-ctx.Done():
		return amqp.Delivery{}, ctx.Err()
	}
}
