package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// whereBoth selects by a header and by the body, about a third of the messages.
const whereBoth = `headers["tenant"] == "acme" && body.totalAmount > 100`

const (
	groupSize       = 256 // bytes of a body
	minOfConsumer   = 0.8
	minOfConsumerIf = 0.5
)

// group measures how fast a deep classic queue is grouped, beside a bare consumer of the same messages. Once: a million
// messages are an average by themselves.
func (b *benchmark) group(ctx context.Context, br broker) error {
	if err := br.emptyVHost(ctx); err != nil {
		return err
	}
	const looked, drained = "bench.looked.dlq", "bench.drained.dlq"
	l, err := br.dial()
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.fanout("bench.dlx", "classic", []string{looked, drained}); err != nil {
		return err
	}
	died := []string{"orders.created.queue", "orders.paid.queue", "notifications.queue"}
	err = l.fill(ctx, "bench.dlx", b.groupMessages, []string{looked, drained},
		func(i int) amqp.Publishing { return deadLetter(i, groupSize, died[i%len(died)]) })
	if err != nil {
		return err
	}
	time.Sleep(rest)
	all, err := b.inspect(ctx, br, looked)
	if err != nil {
		return err
	}
	time.Sleep(rest)
	bare, err := br.consumeAll(ctx, drained, b.groupMessages)
	if err != nil {
		return err
	}
	time.Sleep(rest)
	some, err := b.inspect(ctx, br, looked, "--where", whereBoth)
	if err != nil {
		return err
	}
	if err := l.await(ctx, looked, b.groupMessages); err != nil {
		return fmt.Errorf("after two looks: %w", err)
	}
	b.printGroup(br, all, some, bare)
	return br.removeVHost(ctx)
}

// inspect groups a queue and sees that no message was left out.
func (b *benchmark) inspect(ctx context.Context, br broker, queue string, more ...string) (usage, error) {
	args := append([]string{"dlq", "inspect", queue, "--group-by", "reason,queue", "-o", "json", "--progress", "none"}, more...)
	u, err := run(ctx, br.environment(br.api), b.msgctl(), args...)
	if err == nil && !bytes.Contains(u.out, fmt.Appendf(nil, `"looked_at": %d`, b.groupMessages)) {
		err = fmt.Errorf("msgctl %v did not look at %d messages:\n%s", args, b.groupMessages, u.out)
	}
	return u, err
}

// consumeWindow is about the window that msgctl's budget of memory makes for such messages.
const consumeWindow = 4000

// consumeAll is a consumer that does nothing with n messages but to acknowledge them, half a window at a time.
func (b broker) consumeAll(ctx context.Context, queue string, n int) (time.Duration, error) {
	start := time.Now()
	l, err := b.dial()
	if err != nil {
		return 0, err
	}
	defer l.close()
	deliveries, err := l.consume(queue, consumeWindow)
	if err != nil {
		return 0, err
	}
	for i := 1; i <= n; i++ {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return 0, fmt.Errorf("the bare consumer ended after %d messages", i)
			}
			if i%(consumeWindow/2) == 0 || i == n {
				if err := d.Ack(true); err != nil {
					return 0, err
				}
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return time.Since(start), nil
}

func (b *benchmark) printGroup(br broker, all, some usage, bare time.Duration) {
	n := b.groupMessages
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d dead letters of %d B in a classic queue, grouped", br.line, n, groupSize))
	b.out.atLeast("rate of --group-by / of a bare consumer", ratio(bare, all.wall), minOfConsumer, rates(n, all.wall, bare))
	b.out.atLeast("rate with --where, too / of a bare consumer", ratio(bare, some.wall), minOfConsumerIf, rates(n, some.wall, bare))
	b.out.atMost("peak memory in MB", megabytes(max(all.peakKiB, some.peakKiB)), maxLookMB, "")
}
