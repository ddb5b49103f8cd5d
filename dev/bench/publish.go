package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Publishing: `msgctl publish --ndjson` against the client library without confirms, which is as
// fast as one can be, and with a confirm each, which is how one begins. A loop on the library with
// a window of confirms shows how much of the ceiling the broker leaves to whoever wants to know
// that his events arrived. Everyone sends persistent events of the same size to a classic queue;
// the time ends when the queue has them all.
const (
	eventQueue = "bench.events"
	eventSize  = 512
	// bareWindow is how many events the loop has under way.
	bareWindow = 2048
	// floorEvents is how many go with a confirm each: the rate does not depend on their number, and
	// they are slow.
	floorEvents = 5000

	minOfCeiling = 0.7
	minOfFloor   = 15
	maxPublishMB = 96
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

// payloadOf is the payload of the i-th event: so long that the whole event has eventSize bytes.
func payloadOf(i, size int) []byte {
	body := fmt.Appendf(nil, `{"orderId":"o-%07d","customerId":"c-%04d","items":[{"productId":"p-7","quantity":2,"price":19.90}],"totalAmount":39.8,"currency":"EUR","note":"`, i, i%5000)
	if fill := size - len(body) - 2; fill > 0 {
		body = append(body, bytes.Repeat([]byte("x"), fill)...)
	}
	return append(body, `"}`...)
}

// envelopeSize is what an event adds to its payload.
const envelopeSize = 210

func (b *benchmark) publish(ctx context.Context, br broker) error {
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
			u, err := run(ctx, br.environment(br.api), b.msgctl(), "publish", "order.created", "-f", topology, "--vhost", vhost,
				"--ndjson", events, "--journal", "none", "--progress", "none")
			peak = max(peak, u.peakKiB)
			return u.wall, err
		}},
		{name: "ceiling", n: b.events, send: func(ctx context.Context) (time.Duration,
			error) {
			return br.unconfirmed(ctx, b.events)
		}},
		{name: "windowed", n: b.events, send: func(ctx context.Context) (time.Duration,
			error) {
			return br.confirmedWindow(ctx, b.events)
		}},
		{name: "floor", n: min(floorEvents, b.events), send: func(ctx context.Context) (time.Duration, error) {
			return br.confirmedEach(ctx, min(floorEvents, b.events))
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
	return br.removeVHost(ctx)
}

// publisherOf is one way to publish n events.
type publisherOf struct {
	name  string
	n     int
	send  func(context.Context) (time.Duration, error)
	times []time.Duration
}

func (p *publisherOf) rate() float64 { return float64(p.n) / median(p.times).Seconds() }

func (b *benchmark) publishRound(ctx context.Context, br broker, topology string, p *publisherOf) error {
	if err := br.emptyVHost(ctx); err != nil {
		return err
	}
	if _, err := run(ctx, br.environment(br.api), b.msgctl(), "apply", "-f", topology, "--vhost", vhost,
		"--yes"); err != nil {
		return err
	}
	l, err := br.dial()
	if err != nil {
		return err
	}
	defer l.close()
	time.Sleep(rest)
	start := time.Now()
	if _, err := p.send(ctx); err != nil {
		return err
	}
	if err := l.await(ctx, eventQueue, p.n); err != nil {
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
		if _, err := fmt.Fprintf(w, "%s\n", payloadOf(i, eventSize-envelopeSize)); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), f.Close())
}

// wholeEvent is a message of the size and with the properties that msgctl sends.
func wholeEvent(i int) amqp.Publishing {
	return amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent,
		MessageId: fmt.Sprintf("01a21300-0000-7000-8000-%012d", i), Type: "order.created",
		AppId: "bench", Timestamp: time.Unix(1700000000, 0), Body: payloadOf(i, eventSize)}
}

// unconfirmed publishes without waiting for anything.
func (br broker) unconfirmed(ctx context.Context, n int) (time.Duration, error) {
	l, err := br.dial()
	if err != nil {
		return 0, err
	}
	defer l.close()
	start := time.Now()
	for i := range n {
		if err := l.channel.PublishWithContext(ctx, "bench.exchange", "order.created", false, false,
			wholeEvent(i)); err != nil {
			return 0, err
		}
	}
	if err := l.await(ctx, eventQueue, n); err != nil { // closing drops what is still in the socket
		return 0, err
	}
	return time.Since(start), nil
}

// dialConfirming returns a link whose channel confirms.
func (br broker) dialConfirming() (*link, error) {
	l, err := br.dial()
	if err != nil {
		return nil, err
	}
	if err := l.channel.Confirm(false); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// confirmedEach waits for each confirm before the next event.
func (br broker) confirmedEach(ctx context.Context, n int) (time.Duration, error) {
	l, err := br.dialConfirming()
	if err != nil {
		return 0, err
	}
	defer l.close()
	start := time.Now()
	for i := range n {
		confirm, err := l.channel.PublishWithDeferredConfirmWithContext(ctx, "bench.exchange", "order.created", true, false,
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

// confirmedWindow keeps bareWindow events under way.
func (br broker) confirmedWindow(ctx context.Context, n int) (time.Duration, error) {
	l, err := br.dialConfirming()
	if err != nil {
		return 0, err
	}
	defer l.close()
	confirms := l.channel.NotifyPublish(make(chan amqp.Confirmation, bareWindow))
	start := time.Now()
	for sent, confirmed := 0, 0; confirmed < n; {
		if sent < n && sent-confirmed < bareWindow {
			if err := l.channel.PublishWithContext(ctx, "bench.exchange", "order.created", true, false,
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

func (b *benchmark) printPublish(br broker, list []*publisherOf, peakKiB int64) {
	by := map[string]*publisherOf{}
	var details []string
	for _, p := range list {
		by[p.name] = p
	}
	for _, name := range []string{"msgctl", "ceiling", "windowed", "floor"} {
		details = append(details, fmt.Sprintf("%s %.0f/s", name, by[name].rate()))
	}
	ours := by["msgctl"].rate()
	b.out.heading(fmt.Sprintf("RabbitMQ %s, publish %d events of %d B from a file, confirmed and checked", br.line,
		b.events, eventSize))
	b.out.atLeast("rate / the client library's without confirms", ours/by["ceiling"].rate(), minOfCeiling,
		strings.Join(details, ", "))
	b.out.atLeast("rate / the client library's with a confirm each", ours/by["floor"].rate(), minOfFloor, "")
	b.out.atMost("peak memory in MB", megabytes(peakKiB), maxPublishMB, "")
	if ceiling := by["ceiling"].rate() / by["floor"].rate(); ceiling < minOfFloor {
		b.out.note(fmt.Sprintf("without confirms the library itself is at %.1f of its rate with a confirm each: on this "+
			"machine nobody who waits for confirms reaches %d", ceiling, minOfFloor))
	}
	windowed := by["windowed"].rate()
	b.out.note(fmt.Sprintf("a bare loop with a window of %d confirms: %.2f of the ceiling; rate / its rate: %.2f",
		bareWindow, windowed/by["ceiling"].rate(), ours/windowed))
}
