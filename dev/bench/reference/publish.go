package reference

import (
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// These constants describe the published events.
const (
	EventQueue = "bench.events" // where they arrive
	EventSize  = 512            // bytes of one
	// PublishWindow is the maximum number of unconfirmed messages of PublishWindowed.
	PublishWindow = 2048
)

// PublishUnconfirmed publishes n events without confirms and waits until all are in the queue.
func (b Broker) PublishUnconfirmed(ctx context.Context, n int) (time.Duration, error) {
	l, err := b.Dial()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	start := time.Now()
	for i := range n {
		if err := l.Channel.PublishWithContext(ctx, "bench.exchange", "order.created", false, false,
			wholeEvent(i)); err != nil {
			return 0, err
		}
	}
	if err := l.Await(ctx, EventQueue, n); err != nil { // closing drops what is still in the socket
		return 0, err
	}
	return time.Since(start), nil
}

// dialConfirming returns a Link whose channel is in confirm mode.
func (b Broker) dialConfirming() (*Link, error) {
	l, err := b.Dial()
	if err != nil {
		return nil, err
	}
	if err := l.Channel.Confirm(false); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// PublishConfirmedEach publishes n events and waits for the confirm of each before the next.
func (b Broker) PublishConfirmedEach(ctx context.Context, n int) (time.Duration, error) {
	l, err := b.dialConfirming()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	start := time.Now()
	for i := range n {
		confirm, err := l.Channel.PublishWithDeferredConfirmWithContext(ctx, "bench.exchange", "order.created", true, false,
			wholeEvent(i))
		if err != nil {
			return 0, err
		}
		if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
			return 0, errors.Join(err, errors.New("an event was not confirmed"))
		}
	}
	return time.Since(start), nil
}

// PublishWindowed publishes n events with at most PublishWindow of them unconfirmed.
func (b Broker) PublishWindowed(ctx context.Context, n int) (time.Duration, error) {
	l, err := b.dialConfirming()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	confirms := l.Channel.NotifyPublish(make(chan amqp.Confirmation, PublishWindow))
	start := time.Now()
	for sent, confirmed := 0, 0; confirmed < n; {
		if sent < n && sent-confirmed < PublishWindow {
			if err := l.Channel.PublishWithContext(ctx, "bench.exchange", "order.created", true, false,
				wholeEvent(sent)); err != nil {
				return 0, err
			}
			sent++
			continue
		}
		if c, ok := <-confirms; !ok || !c.Ack {
			return 0, errors.New("an event was not confirmed")
		}
		confirmed++
	}
	return time.Since(start), nil
}
