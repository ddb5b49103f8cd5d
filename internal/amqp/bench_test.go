//go:build unix

package amqp

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// benchMessages is how many messages one iteration moves.
const benchMessages = 20000

// BenchmarkMove moves dead letters from one queue to another: consume, publish, confirm,
// acknowledge. It runs, in turns, a bare loop straight on the client library at its best window and
// the same through Source and Publisher, and reports the best rate of each, their ratio, and the
// processor time that each takes in this process, which other load on the machine disturbs less.
//
//	go test -run - -bench Move -benchtime 5x ./internal/amqp
func BenchmarkMove(b *testing.B) {
	for _, broker := range rabbittest.Brokers(b) {
		for _, kind := range []string{"classic", "quorum"} {
			for _, size := range []int{256, 4096} {
				b.Run(fmt.Sprintf("%s/%s/%dB", broker.Line, kind, size), func(b *testing.B) {
					v := broker.VHost(b)
					c := newClient(b, v.User)
					declareBench(b, v, kind)
					deadLetters(b, c, v.Name, "a", size)
					var bare, transport best
					for range b.N {
						bare.run(b, func() { moveBare(b, v, "a", "b") })
						transport.run(b, func() { moveTransport(b, v, c, "b", "a") })
					}
					b.ReportMetric(bare.rate(), "bare-msgs/s")
					b.ReportMetric(transport.rate(), "transport-msgs/s")
					b.ReportMetric(transport.rate()/bare.rate(), "ratio")
					b.ReportMetric(bare.processor(), "bare-cpu-µs/msg")
					b.ReportMetric(transport.processor(), "transport-cpu-µs/msg")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// best keeps the shortest time and the least processor time of several runs.
type best struct{ wall, cpu time.Duration }

func (m *best) run(b *testing.B, f func()) {
	b.Helper()
	wall, cpu := time.Now(), processorTime(b)
	f()
	w, c := time.Since(wall), processorTime(b)-cpu
	if m.wall == 0 || w < m.wall {
		m.wall = w
	}
	if m.cpu == 0 || c < m.cpu {
		m.cpu = c
	}
}

func (m *best) rate() float64      { return benchMessages / m.wall.Seconds() }
func (m *best) processor() float64 { return float64(m.cpu.Microseconds()) / benchMessages }

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func declareBench(b *testing.B, v *rabbittest.VHost, kind string) {
	b.Helper()
	conn, err := amqp091.Dial(v.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := ch.QueueDeclare(name, true, false, false, false, amqp091.Table{"x-queue-type": kind}); err != nil {
			b.Fatal(err)
		}
	}
}

// deadLetters fills a queue with messages that look dead.
func deadLetters(b *testing.B, c *Client, vhost, queue string, size int) {
	b.Helper()
	p, err := publish.Open(b.Context(), c.Dialer(vhost), publish.PublisherOptions{}, func([]publish.Outcome[int]) {})
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), size)
	for i := range benchMessages {
		m := &message.Message{Body: body, Headers: deadHeaders(), Properties: message.Properties{
			MessageID: fmt.Sprint("id-", i), DeliveryMode: message.Persistent, ContentType: "application/json",
			Type: "order.created", Timestamp: time.Unix(1700000000, 0)}}
		if err := p.Publish(b.Context(), publish.Target{Key: queue}, m, i); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func deadHeaders() message.Table {
	return message.Table{
		"x-first-death-exchange": "orders.exchange", "x-first-death-queue": "orders.created.queue",
		"x-first-death-reason": "rejected",
		"tenant":               "acme", "attempt": int64(3),
		"x-death": []any{amqp091.Table{"count": int64(1), "exchange": "orders.exchange", "queue": "orders.created.queue",
			"reason":       "rejected",
			"routing-keys": []any{"order.created"}, "time": time.Unix(1700000000, 0)}},
	}
}

const benchPrefetch = 1000

// moveBare is the loop one would write: unconfirmed messages bounded by the prefetch, one multiple
// acknowledgement per confirmed run.
func moveBare(b *testing.B, v *rabbittest.VHost, from, to string) {
	in, out := dialBench(b, v.URL), dialBench(b, v.URL)
	defer func() { _, _ = in.Close(), out.Close() }()
	src, err := in.Channel()
	if err != nil {
		b.Fatal(err)
	}
	dst, err := out.Channel()
	if err != nil {
		b.Fatal(err)
	}
	if err := src.Qos(benchPrefetch, 0, false); err != nil {
		b.Fatal(err)
	}
	if err := dst.Confirm(false); err != nil {
		b.Fatal(err)
	}
	returns := dst.NotifyReturn(make(chan amqp091.Return, benchPrefetch))
	confirms := dst.NotifyPublish(make(chan amqp091.Confirmation, benchPrefetch))
	deliveries, err := src.Consume(from, "", false, false, false, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for n := uint64(0); n < benchMessages; {
			c := <-confirms // delivery tags and publish numbers are the same
			if n = c.DeliveryTag; !c.Ack || len(returns) > 0 {
				done <- fmt.Errorf("message %d is lost", n)
				return
			}
			if len(confirms) == 0 || n%256 == 0 {
				if err := src.Ack(n, true); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	for range benchMessages {
		d := <-deliveries
		err := dst.Publish("", to, true, false, amqp091.Publishing{Headers: d.Headers, ContentType: d.ContentType,
			DeliveryMode: d.DeliveryMode, MessageId: d.MessageId,
			Timestamp: d.Timestamp, Type: d.Type, Body: d.Body})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := src.Qos(1, 0, false); err != nil { // behind the last acknowledgement
		b.Fatal(err)
	}
}

func dialBench(b *testing.B, address string) *amqp091.Connection {
	b.Helper()
	if _, err := url.Parse(address); err != nil {
		b.Fatal("not a URL")
	}
	conn, err := amqp091.Dial(address)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// moveTransport is what a replay does, without looking at the messages.
func moveTransport(b *testing.B, v *rabbittest.VHost, c *Client, from, to string) {
	sub, err := c.Source(v.Name).Subscribe(b.Context(), consume.Options{Queue: from, Prefetch: benchPrefetch})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	var failed sync.Once
	p, err := publish.Open(b.Context(), c.Dialer(v.Name), publish.PublisherOptions{},
		func(batch []publish.Outcome[uint64]) {
			for _, o := range batch {
				if o.Kind != publish.Confirmed {
					failed.Do(func() { b.Errorf("message %d is %s: %v", o.Tag, o.Kind, o.Err) })
				}
			}
			if err := sub.Ack(batch[len(batch)-1].Tag, true); err != nil {
				failed.Do(func() { b.Error(err) })
			}
		})
	if err != nil {
		b.Fatal(err)
	}
	target := publish.Target{Key: to}
	for range benchMessages {
		d, err := sub.Next(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Publish(context.Background(), target, &d.Message, d.Tag); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := sub.Settled(b.Context()); err != nil {
		b.Fatal(err)
	}
}
