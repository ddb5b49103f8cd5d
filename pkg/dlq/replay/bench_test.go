//go:build unix

package replay_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// benchLetters is how many dead letters one iteration of a benchmark replays, or groups.
const benchDeadLetters = 20000

// BenchmarkReplay replays dead letters, and reports the rate and the processor time that one takes
// in this process, which other load on the machine disturbs less. `make bench` has the comparison
// with others.
//
//	go test -run - -bench Replay/4.3/classic -benchtime 5x ./pkg/dlq
func BenchmarkReplay(b *testing.B) {
	for _, broker := range rabbittest.Brokers(b) {
		for _, kind := range []string{"classic", "quorum"} {
			for _, size := range []int{256, 4096} {
				b.Run(fmt.Sprintf("%s/%s/%dB", broker.Line, kind, size), func(b *testing.B) { benchReplay(b, broker, kind, size) })
			}
		}
	}
}

func benchReplay(b *testing.B, broker *rabbittest.Broker, kind string, size int) {
	v := broker.VHost(b)
	c := brokertest.Connect(b, v.User)
	ch := v.Channel(b)
	for _, q := range []string{"dlq", "orders.created.queue"} {
		if _, err := ch.QueueDeclare(q, true, false, false, false, amqp.Table{"x-queue-type": kind}); err != nil {
			b.Fatal(err)
		}
	}
	var wall, cpu time.Duration
	for range b.N {
		benchFill(b, c, v.Name, size)
		start, used := time.Now(), processorTime(b)
		result, err := replay.Replay(b.Context(), replay.Options{
			From: replay.From{Source: c.Source(v.Name), Counter: browseCounter{ch}, Queue: "dlq", Type: kind,
				Total: benchDeadLetters}, Dialer: c.Dialer(v.Name),
		})
		if err != nil || result.Done != benchDeadLetters {
			b.Fatalf("%+v, %v", result, err)
		}
		wall, cpu = wall+time.Since(start), cpu+processorTime(b)-used
		if _, err := ch.QueuePurge("orders.created.queue", false); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N * benchDeadLetters)
	b.ReportMetric(n/wall.Seconds(), "msgs/s")
	b.ReportMetric(float64(cpu.Microseconds())/n, "cpu-µs/msg")
	b.ReportMetric(0, "ns/op")
}

func benchFill(b *testing.B, c *broker.Client, vhost string, size int) {
	b.Helper()
	p, err := publish.Open(b.Context(), c.Dialer(vhost), publish.PublisherOptions{}, func([]publish.Outcome[int]) {})
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchDeadLetters {
		if err := p.Publish(b.Context(), publish.Target{Key: "dlq"}, benchDeadLetter(i, size), i); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// benchLetter is a message that looks dead, has a trace of its own, and died in the same second as
// a thousand others.
func benchDeadLetter(i, size int) *message.Message {
	reason := [...]string{"rejected", "expired"}[i%5/4]
	return &message.Message{
		Properties: message.Properties{
			MessageID: fmt.Sprint("id-", i), DeliveryMode: message.Persistent, ContentType: "application/json",
			Type: "order.created", Timestamp: time.Unix(1700000000, 0),
		},
		Headers: message.Table{
			"x-first-death-exchange": "orders.exchange", "x-first-death-queue": "orders.created.queue",
			"x-first-death-reason": reason,
			"tenant":               [...]string{"acme", "globex"}[i%2], "attempt": int64(3),
			"traceparent": fmt.Sprintf("00-%032x-%016x-01", i,
				i),
			"x-death": []any{message.Table{
				"count": int64(1), "exchange": "orders.exchange", "queue": "orders.created.queue", "reason": reason,
				"routing-keys": []any{"order.created"}, "time": time.Unix(1700000000+int64(i/1000), 0),
			}},
		},
		Body: bytes.Repeat([]byte("x"), size),
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
