package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

// This part compares `msgctl consume` with a consumer on the client library that handles each
// message the same way. It acknowledges the message, passes it to a process as a line of JSON, or
// posts it. Both handle the same number of messages at once, and both get the same messages in a
// classic queue.
const (
	consumeSize = 512

	minOfDiscard    = 0.9
	minOfPersistent = 0.5
	minOfHTTP       = 0.8
	maxConsumeMB    = 96
)

// consume measures each kind of handler in turn.
func (b *benchmark) consume(ctx context.Context, br reference.Broker) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	at := strconv.Itoa(reference.AtOnce)
	kinds := []struct {
		name   string
		args   []string
		events int
		least  float64
		bare   func(context.Context, *reference.Link, int) error
	}{
		{"--discard", []string{"--discard"}, b.events, minOfDiscard, reference.Acknowledge},
		{"--exec --persistent", []string{"--exec", reference.HandlerMode + "=1 " + self, "--persistent", "--concurrency", at},
			b.events / 2, minOfPersistent,
			func(ctx context.Context, l *reference.Link, n int) error {
				return reference.HandByLines(ctx, l, n, self)
			}},
		{"--http", []string{"--http", server.URL, "--http-format", "raw", "--concurrency", at}, b.events / 4, minOfHTTP,
			func(ctx context.Context, l *reference.Link, n int) error {
				return reference.Post(ctx, l, n, server.URL)
			}},
	}
	b.out.heading(fmt.Sprintf("RabbitMQ %s, messages of %d B consumed from a classic queue, %d at once", br.Line,
		consumeSize, reference.AtOnce))
	var peak int64
	for _, k := range kinds {
		var ours, theirs []time.Duration
		for range b.rounds {
			u, err := b.consumeRound(ctx, br, k.events, k.args)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			bare, err := bareConsumeRound(ctx, br, k.events, k.bare)
			if err != nil {
				return fmt.Errorf("a bare consumer as %s: %w", k.name, err)
			}
			ours, theirs, peak = append(ours, u.Wall), append(theirs, bare), max(peak, u.PeakKiB)
		}
		b.out.atLeast("rate of consume "+k.name+" / of a bare consumer", ratio(median(theirs), median(ours)), k.least,
			rates(k.events, median(ours), median(theirs)))
	}
	b.out.atMost("peak memory in MB", megabytes(peak), maxConsumeMB, "")
	return br.RemoveVHost(ctx)
}

// consumeArena creates an empty vhost with the queue and its n messages.
func consumeArena(ctx context.Context, br reference.Broker, n int) (*reference.Link, error) {
	if err := br.EmptyVHost(ctx); err != nil {
		return nil, err
	}
	l, err := br.Dial()
	if err != nil {
		return nil, err
	}
	_, err = l.Channel.QueueDeclare(reference.ConsumeQueue, true, false, false, false,
		amqp.Table{"x-queue-type": "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
	if err == nil {
		err = l.Declare("dead", "classic")
	}
	for i := 0; err == nil && i < n; i++ {
		err = l.Channel.PublishWithContext(ctx, "", reference.ConsumeQueue, false, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: strconv.Itoa(i), Type: "order.created",
			Body: reference.Payload(i, consumeSize),
		})
	}
	if err == nil {
		err = l.Await(ctx, reference.ConsumeQueue, n)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	time.Sleep(reference.Rest)
	return l, nil
}

func (b *benchmark) consumeRound(ctx context.Context, br reference.Broker, n int, args []string) (process.Usage,
	error) {
	l, err := consumeArena(ctx, br, n)
	if err != nil {
		return process.Usage{}, err
	}
	defer l.Close()
	full := append([]string{"consume", reference.ConsumeQueue, "--limit", strconv.Itoa(n), "--prefetch",
		strconv.Itoa(reference.Prefetch),
		"--log-level", "error"}, args...)
	u, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), full...)
	if err != nil {
		return u, err
	}
	if left, err := l.Ready(reference.ConsumeQueue); err != nil || left != 0 {
		return u, fmt.Errorf("%d messages are left: %w", left, err)
	}
	return u, nil
}

func bareConsumeRound(ctx context.Context, br reference.Broker, n int,
	consume func(context.Context, *reference.Link, int) error) (time.Duration, error) {
	filler, err := consumeArena(ctx, br, n)
	if err != nil {
		return 0, err
	}
	defer filler.Close()
	start := time.Now()
	l, err := br.Dial()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	err = consume(ctx, l, n)
	return time.Since(start), err
}
