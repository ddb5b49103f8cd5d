package reference

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/internal/cputime"
)

// Prefetch is about the prefetch that msgctl derives from its memory budget for messages of this
// size.
const Prefetch = 4000

// HoldAll consumes n messages, holds them all, and then returns them to the queue. It opens one
// channel per prefetch, because a channel whose prefetch is full gets no more messages.
func (b Broker) HoldAll(ctx context.Context, queue string, n int) (process.Usage, error) {
	start, used := time.Now(), cputime.Used()
	l, err := b.Dial()
	if err != nil {
		return process.Usage{}, err
	}
	defer l.Close()
	var held []*amqp.Channel
	for at := 0; at < n; at += Prefetch {
		ch, err := l.connection.Channel()
		if err != nil {
			return process.Usage{}, err
		}
		deliveries, err := (&Link{l.connection, ch}).Consume(queue, Prefetch)
		if err != nil {
			return process.Usage{}, err
		}
		for range min(Prefetch, n-at) {
			if _, err := receive(ctx, deliveries); err != nil {
				return process.Usage{}, err
			}
		}
		if err := ch.Cancel(consumerTag, false); err != nil {
			return process.Usage{}, err
		}
		held = append(held, ch)
	}
	// Return the last channel first. In the other order a classic queue walks past all messages
	// that were already returned.
	for i := range held {
		i = len(held) - 1 - i
		ch := held[i]
		if err := ch.Nack(uint64(min(Prefetch, n-i*Prefetch)), true, true); err != nil {
			return process.Usage{}, err
		}
		if err := ch.Close(); err != nil { // answered behind the nack
			return process.Usage{}, err
		}
	}
	return process.Usage{Wall: time.Since(start), CPU: cputime.Used() - used}, nil
}

// DrainAll consumes n messages and acknowledges them, half a prefetch at a time.
func (b Broker) DrainAll(ctx context.Context, queue string, n int) (process.Usage, error) {
	start, used := time.Now(), cputime.Used()
	l, err := b.Dial()
	if err != nil {
		return process.Usage{}, err
	}
	defer l.Close()
	deliveries, err := l.Consume(queue, Prefetch)
	if err != nil {
		return process.Usage{}, err
	}
	for i := 1; i <= n; i++ {
		d, err := receive(ctx, deliveries)
		if err != nil {
			return process.Usage{}, err
		}
		if i%(Prefetch/2) == 0 || i == n {
			if err := d.Ack(true); err != nil {
				return process.Usage{}, err
			}
		}
	}
	return process.Usage{Wall: time.Since(start), CPU: cputime.Used() - used}, nil
}
