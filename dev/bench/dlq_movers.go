package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// window is how many messages the broker's shovel has under way: its default.
const window = 1000

// bareWindows are those that the bare loop is tried with; the faster one counts.
var bareWindows = [...]int{1000, 2500}

const shovelPath = "/api/parameters/shovel/" + vhost + "/bench"

// byShovel lets the broker's own dynamic shovel move n messages. The time ends when the target has
// all and the source none.
func (b broker) byShovel(ctx context.Context, l *link, from, to string, n int) (usage, error) {
	uri := b.amqp + "/" + vhost
	body, err := json.Marshal(object{"value": object{
		"src-protocol": "amqp091", "src-uri": uri, "src-queue": from, "src-prefetch-count": window,
		"src-delete-after": "queue-length",
		"dest-protocol":    "amqp091", "dest-uri": uri, "dest-queue": to, "ack-mode": "on-confirm",
	}})
	if err != nil {
		return usage{}, err
	}
	start := time.Now()
	if err := b.request(ctx, http.MethodPut, shovelPath, body); err != nil {
		return usage{}, fmt.Errorf("is the shovel plugin enabled? %w", err)
	}
	if err := l.await(ctx, to, n); err != nil {
		return usage{}, err
	}
	err = b.shovelEnded(ctx, l, from)
	return usage{wall: time.Since(start)}, err
}

// shovelEnded waits until the source is empty, or the shovel gone: now and then it closes its
// channel while its last acknowledgements are under way, and messages that it moved are back in the
// source (seen on 4.3.6).
func (b broker) shovelEnded(ctx context.Context, l *link, from string) error {
	for {
		left, err := l.ready(from)
		if err != nil || left == 0 {
			return err
		}
		if b.request(ctx, http.MethodGet, shovelPath, nil) != nil {
			return ctx.Err()
		}
		time.Sleep(pollEvery)
	}
}

// byBareLoop moves n messages with the loop that one would write on the client library: a
// connection each to consume and to publish, mandatory and confirmed, one multiple acknowledgement
// per confirmed run.
func (b broker) byBareLoop(window int) func(context.Context, *link, string, string, int) (usage, error) {
	return func(ctx context.Context, _ *link, from, to string, n int) (usage, error) {
		return b.bareLoop(ctx, window, from, to, n)
	}
}

func (b broker) bareLoop(ctx context.Context, window int, from, to string, n int) (usage, error) {
	start, used := time.Now(), processorTime()
	in, err := b.dial()
	if err != nil {
		return usage{}, err
	}
	defer in.close()
	out, err := b.dial()
	if err != nil {
		return usage{}, err
	}
	defer out.close()
	deliveries, err := in.consume(from, window)
	if err != nil {
		return usage{}, err
	}
	if err := out.channel.Confirm(false); err != nil {
		return usage{}, err
	}
	returns := out.channel.NotifyReturn(make(chan amqp.Return, window))
	confirms := out.channel.NotifyPublish(make(chan amqp.Confirmation, window))
	done := make(chan error, 1)
	go func() { done <- acknowledge(in.channel, confirms, returns, uint64(n)) }()
	for range n {
		select {
		case d := <-deliveries:
			if err := out.channel.PublishWithContext(ctx, "", to, true, false, copyOf(&d)); err != nil {
				return usage{}, err
			}
		case err := <-done:
			return usage{}, err
		case <-ctx.Done():
			return usage{}, ctx.Err()
		}
	}
	if err := <-done; err != nil {
		return usage{}, err
	}
	err = in.channel.Qos(1, 0, false) // answered behind the last acknowledgement
	return usage{wall: time.Since(start), cpu: processorTime() - used}, err
}

// acknowledge takes out of the source what the target confirmed. Delivery tags and publication
// numbers are the same.
func acknowledge(source *amqp.Channel, confirms <-chan amqp.Confirmation, returns <-chan amqp.Return, n uint64) error {
	for at := uint64(0); at < n; {
		c, ok := <-confirms
		if at = c.DeliveryTag; !ok || !c.Ack || len(returns) > 0 {
			return fmt.Errorf("the bare loop lost message %d", at)
		}
		if len(confirms) == 0 || at%256 == 0 || at == n {
			if err := source.Ack(at, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyOf(d *amqp.Delivery) amqp.Publishing {
	return amqp.Publishing{
		Headers: d.Headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode,
		Priority:      d.Priority,
		CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageId: d.MessageId,
		Timestamp: d.Timestamp,
		Type:      d.Type, UserId: d.UserId, AppId: d.AppId, Body: d.Body,
	}
}

const consumerTag = "bench"

func (l *link) consume(queue string, prefetch int) (<-chan amqp.Delivery, error) {
	if err := l.channel.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	return l.channel.Consume(queue, consumerTag, false, false, false, false, nil)
}
