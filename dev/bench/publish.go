package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

// This part compares `msgctl publish --ndjson` with a loop on the client library that has a window
// of confirms. The loop gives the same guarantee but checks no schema. For orientation, it also
// measures the library without confirms and with a wait for each confirm. All of them send
// persistent events of the same size to a classic queue. The time ends when all events are in the
// queue.
const (
	// floorEvents is the number of events that are published with a wait for each confirm. This is
	// slow, and the rate does not depend on the number.
	floorEvents = 5000

	minOfWindowed = 0.7
	maxPublishMB  = 96
)

const benchTopology = `version: 1
name: bench
exchanges: { bench.exchange: { type: topic } }
queues: { bench.events: { bindings: [{ exchange: bench.exchange, key: order.created }] } }
events:
  order.created:
    exchange: bench.exchange
    aggregate: { type: Order, id: /orderId }
    schema:
      type: object
      required: [orderId, customerId, items, totalAmount, currency]
      additionalProperties: false
      properties:
        orderId: { type: string, minLength: 1 }
        customerId: { type: string, minLength: 1 }
        items: { type: array, minItems: 1, items: { type: object, required: [productId, quantity, price], properties: { productId: { type: string }, quantity: { type: integer, minimum: 1 }, price: { type: number, minimum: 0 } } } }
        totalAmount: { type: number, minimum: 0 }
        currency: { type: string, pattern: "^[A-Z]{3}$" }
        note: { type: string }
`

// envelopeSize is the number of bytes that an event adds to its payload.
const envelopeSize = 210

func (b *benchmark) publish(ctx context.Context, br reference.Broker) error {
	topology, events := filepath.Join(b.dir, "publish.yaml"), filepath.Join(b.dir, "events.ndjson")
	if err := os.WriteFile(topology, []byte(benchTopology), 0o600); err != nil {
		return err
	}
	if err := b.writeEvents(events); err != nil {
		return err
	}
	var peak int64
	contenders := []*publisherOf{
		{name: "msgctl", n: b.events, send: func(ctx context.Context) (time.Duration, error) {
			u, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), "publish", "order.created", "-f", topology, "--vhost",
				reference.VHost,
				"--ndjson", events, "--journal", "none", "--progress", "none")
			peak = max(peak, u.PeakKiB)
			return u.Wall, err
		}},
		{name: "ceiling", n: b.events, send: func(ctx context.Context) (time.Duration, error) {
			return br.PublishUnconfirmed(ctx, b.events)
		}},
		{name: "windowed", n: b.events, send: func(ctx context.Context) (time.Duration, error) {
			return br.PublishWindowed(ctx, b.events)
		}},
		{name: "floor", n: min(floorEvents, b.events), send: func(ctx context.Context) (time.Duration, error) {
			return br.PublishConfirmedEach(ctx, min(floorEvents, b.events))
		}},
	}
	for range b.rounds {
		for _, c := range contenders {
			if err := b.publishRound(ctx, br, topology, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		contenders = append(contenders[1:], contenders[0])
	}
	b.printPublish(br, contenders, peak)
	return br.RemoveVHost(ctx)
}

// publisherOf is one way to publish n events, with its measured times.
type publisherOf struct {
	name  string
	n     int
	send  func(context.Context) (time.Duration, error)
	times []time.Duration
}

func (p *publisherOf) rate() float64 { return float64(p.n) / median(p.times).Seconds() }

func (b *benchmark) publishRound(ctx context.Context, br reference.Broker, topology string, p *publisherOf) error {
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	if _, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), "apply", "-f", topology, "--vhost", reference.VHost,
		"--yes"); err != nil {
		return err
	}
	l, err := br.Dial()
	if err != nil {
		return err
	}
	defer l.Close()
	time.Sleep(reference.Rest)
	start := time.Now()
	if _, err := p.send(ctx); err != nil {
		return err
	}
	if err := l.Await(ctx, reference.EventQueue, p.n); err != nil {
		return err
	}
	p.times = append(p.times, time.Since(start))
	return nil
}

func (b *benchmark) writeEvents(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range b.events {
		if _, err := fmt.Fprintf(w, "%s\n", reference.Payload(i, reference.EventSize-envelopeSize)); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), f.Close())
}

func (b *benchmark) printPublish(br reference.Broker, list []*publisherOf, peakKiB int64) {
	by := map[string]*publisherOf{}
	var details []string
	for _, p := range list {
		by[p.name] = p
	}
	for _, name := range []string{"msgctl", "ceiling", "windowed", "floor"} {
		details = append(details, fmt.Sprintf("%s %.0f/s", name, by[name].rate()))
	}
	ours, windowed := by["msgctl"].rate(), by["windowed"].rate()
	b.out.heading(fmt.Sprintf("RabbitMQ %s, publish %d events of %d B from a file, confirmed and checked", br.Line,
		b.events, reference.EventSize))
	b.out.atLeast(fmt.Sprintf("rate / a bare loop's with a window of %d", reference.PublishWindow), ours/windowed,
		minOfWindowed, strings.Join(details, ", "))
	b.out.atMost("peak memory in MB", megabytes(peakKiB), maxPublishMB, "")
	b.out.note(fmt.Sprintf("rate / the client library's without confirms: %.2f; with a confirm each: %.1f",
		ours/by["ceiling"].rate(), ours/by["floor"].rate()))
	b.out.note(fmt.Sprintf("the bare loop's rate / without confirms: %.2f; with a confirm each: %.1f",
		windowed/by["ceiling"].rate(), windowed/by["floor"].rate()))
}
