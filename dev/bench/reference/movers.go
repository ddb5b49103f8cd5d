package reference

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/internal/cputime"
)

// shovelPrefetch is the prefetch of the shovel, which is also its default.
const shovelPrefetch = 1000

// BarePrefetches are the prefetches with which the bare loop is measured. The fastest one counts.
var BarePrefetches = [...]int{1000, 2500}

const shovelPath = "/api/parameters/shovel/" + VHost + "/bench"

// Shovel moves n messages with a dynamic shovel of the broker. The time ends when the target has
// all messages and the source is empty or the shovel is gone.
func (b Broker) Shovel(ctx context.Context, l *Link, from, to string, n int) (process.Usage, error) {
	uri := b.amqp + "/" + VHost
	body, err := json.Marshal(object{"value": object{
		"src-protocol": "amqp091", "src-uri": uri, "src-queue": from, "src-prefetch-count": shovelPrefetch,
		"src-delete-after": "queue-length",
		"dest-protocol":    "amqp091", "dest-uri": uri, "dest-queue": to, "ack-mode": "on-confirm",
	}})
	if err != nil {
		return process.Usage{}, err
	}
	for b.request(ctx, http.MethodGet, shovelPath, nil) == nil { // the one before deletes itself
		time.Sleep(pollEvery)
	}
	start := time.Now()
	if err := b.request(ctx, http.MethodPut, shovelPath, body); err != nil {
		return process.Usage{}, fmt.Errorf("is the shovel plugin enabled? %w", err)
	}
	if err := l.Await(ctx, to, n); err != nil {
		return process.Usage{}, err
	}
	err = b.shovelEnded(ctx, l, from)
	return process.Usage{Wall: time.Since(start)}, err
}

// shovelEnded waits until the source is empty or the shovel is gone. The shovel may leave messages
// in the source that it has moved (fact shovel-returns-moved).
func (b Broker) shovelEnded(ctx context.Context, l *Link, from string) error {
	for {
		left, err := l.Ready(from)
		if err != nil || left == 0 {
			return err
		}
		if b.request(ctx, http.MethodGet, shovelPath, nil) != nil {
			return ctx.Err()
		}
		time.Sleep(pollEvery)
	}
}

// BareLoop returns a function that moves n messages with the loop that one would write with the
// client library. It uses one connection to consume and one to publish, publishes with mandatory
// and confirms, and acknowledges each run of confirmed messages with multiple set.
func (b Broker) BareLoop(prefetch int) func(context.Context, *Link, string, string, int) (process.Usage, error) {
	return func(ctx context.Context, _ *Link, from, to string, n int) (process.Usage, error) {
		return b.bareLoop(ctx, prefetch, from, to, n)
	}
}

func (b Broker) bareLoop(ctx context.Context, prefetch int, from, to string, n int) (process.Usage, error) {
	start, used := time.Now(), cputime.Used()
	in, err := b.Dial()
	if err != nil {
		return process.Usage{}, err
	}
	defer in.Close()
	out, err := b.Dial()
	if err != nil {
		return process.Usage{}, err
	}
	defer out.Close()
	deliveries, err := in.Consume(from, prefetch)
	if err != nil {
		return process.Usage{}, err
	}
	if err := out.Channel.Confirm(false); err != nil {
		return process.Usage{}, err
	}
	returns := out.Channel.NotifyReturn(make(chan amqp.Return, prefetch))
	confirms := out.Channel.NotifyPublish(make(chan amqp.Confirmation, prefetch))
	done := make(chan error, 1)
	go func() { done <- acknowledge(in.Channel, confirms, returns, uint64(n)) }()
	for range n {
		select {
		case d := <-deliveries:
			if err := out.Channel.PublishWithContext(ctx, "", to, true, false, copyOf(&d)); err != nil {
				return process.Usage{}, err
			}
		case err := <-done:
			return process.Usage{}, err
		case <-ctx.Done():
			return process.Usage{}, ctx.Err()
		}
	}
	if err := <-done; err != nil {
		return process.Usage{}, err
	}
	err = in.Channel.Qos(1, 0, false) // answered behind the last acknowledgement
	return process.Usage{Wall: time.Since(start), CPU: cputime.Used() - used}, err
}

// acknowledge acknowledges in the source what the target has confirmed. Delivery tags and
// publishing sequence numbers are equal.
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
