package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	tailSize      = 512
	tailExchange  = "bench.events"
	minOfTailBare = 0.7
)

// tail measures how fast `msgctl tail` follows an exchange that a publisher fills as fast as it
// can, beside a bare consumer of a queue bound to it: the time from the first message published to
// the last one in the file, or consumed. In turn, in an order that changes.
func (b *benchmark) tail(ctx context.Context, br broker) error {
	var bare []time.Duration
	kinds := []struct {
		name  string
		args  []string
		times []time.Duration
	}{
		{name: "tail -o ndjson > file", args: []string{"-o", "ndjson"}},
		{name: "tail --save file -o none", args: []string{"-o", "none", "--save", "FILE"}},
	}
	var peak int64
	for round := range b.rounds {
		for i := range len(kinds) + 1 {
			which := (i + round) % (len(kinds) + 1)
			if which == len(kinds) {
				took, err := b.bareRound(ctx, br)
				if err != nil {
					return err
				}
				bare = append(bare, took)
				continue
			}
			k := &kinds[which]
			u, err := b.tailRound(ctx, br, k.args)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			k.times, peak = append(k.times, u.wall), max(peak, u.peakKiB)
		}
	}
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d events of %d B watched as they are published", br.line, b.events, tailSize))
	for _, k := range kinds {
		b.out.atLeast("rate of "+k.name+" / of a bare consumer", ratio(median(bare), median(k.times)), minOfTailBare,
			rates(b.events, median(k.times), median(bare)))
	}
	b.out.atMost("peak memory in MB", megabytes(peak), maxTailMB, "")
	return br.removeVHost(ctx)
}

// maxTailMB is the buffer and as much again in the reader's hand, with what Go's collector lets
// lie.
const maxTailMB = 160

// tailRound lets one msgctl follow the exchange.
func (b *benchmark) tailRound(ctx context.Context, br broker, args []string) (usage, error) {
	l, err := b.tailArena(ctx, br)
	if err != nil {
		return usage{}, err
	}
	defer l.close()
	name := filepath.Join(b.dir, "tail.ndjson")
	defer func() { _ = os.Remove(name) }()
	out, err := os.Create(name)
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = out.Close() }()
	full := append([]string{"tail", "--exchange", tailExchange, "--limit", strconv.Itoa(b.events), "--idle-timeout",
		"60s"}, args...)
	for i, a := range full {
		if a == "FILE" {
			full[i] = name
			_ = os.Remove(name)
		}
	}
	u, err := b.follow(ctx, br, out, full, func() error { return l.pour(ctx, b.events) })
	if err != nil {
		return u, err
	}
	n, err := countLines(name)
	if err == nil && n != b.events {
		err = fmt.Errorf("the file has %d lines, not %d", n, b.events)
	}
	return u, err
}

// follow starts msgctl, publishes once it watches, and waits for its end.
func (b *benchmark) follow(ctx context.Context, br broker, out *os.File, args []string,
	publish func() error) (usage, error) {
	cmd := exec.CommandContext(ctx, b.msgctl(), args...)
	cmd.Dir, cmd.Env, cmd.Stdout = b.dir, append(os.Environ(), br.environment(br.api)...), out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return usage{}, err
	}
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	seen := watchPeak(cmd.Process.Pid)
	said := bufio.NewReader(stderr)
	var all bytes.Buffer
	for !strings.Contains(all.String(), "Watching") {
		line, err := said.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			_ = cmd.Wait()
			return usage{}, fmt.Errorf("it did not begin to watch:\n%s", all.Bytes())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	start := time.Now()
	if err := publish(); err != nil {
		return usage{}, err
	}
	if err := cmd.Wait(); err != nil {
		return usage{}, err
	}
	return usage{wall: time.Since(start), peakKiB: seen()}, nil
}

// bareRound lets a consumer that does nothing follow the exchange.
func (b *benchmark) bareRound(ctx context.Context, br broker) (time.Duration, error) {
	l, err := b.tailArena(ctx, br)
	if err != nil {
		return 0, err
	}
	defer l.close()
	const queue = "bench.bare"
	if err := l.declare(queue, "classic"); err != nil {
		return 0, err
	}
	if err := l.channel.QueueBind(queue, "#", tailExchange, false, nil); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		_, err := br.drainAll(ctx, queue, b.events)
		done <- err
	}()
	if err := l.pour(ctx, b.events); err != nil {
		return 0, err
	}
	if err := <-done; err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

func (b *benchmark) tailArena(ctx context.Context, br broker) (*link, error) {
	if err := br.emptyVHost(ctx); err != nil {
		return nil, err
	}
	l, err := br.dial()
	if err != nil {
		return nil, err
	}
	if err := l.channel.ExchangeDeclare(tailExchange, "topic", true, false, false, false, nil); err != nil {
		l.close()
		return nil, err
	}
	time.Sleep(rest)
	return l, nil
}

// pour publishes n events as fast as the broker takes them.
func (l *link) pour(ctx context.Context, n int) error {
	for i := range n {
		body := fmt.Appendf(nil, `{"eventId":"0198c2f1-7b3a-7c55-9d8e-%012d","eventType":"order.created","aggregateType":"Order","aggregateId":"o-%d","timestamp":"2026-01-31T12:00:00Z","version":1,"metadata":{"correlationId":"c-%d"},"payload":{"orderId":"o-%d","note":"`, i, i, i/4, i)
		body = append(body, bytes.Repeat([]byte("x"), max(0, tailSize-len(body)-3))...)
		p := amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent, Type: "order.created",
			MessageId:     strconv.Itoa(i),
			CorrelationId: strconv.Itoa(i / 4), Timestamp: time.Unix(1700000000, 0), Body: append(body, `"}}`...)}
		if err := l.channel.PublishWithContext(ctx, tailExchange, "order.created", false, false, p); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

func countLines(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	n := 0
	buf := make([]byte, 1<<20)
	for {
		c, err := f.Read(buf)
		n += bytes.Count(buf[:c], []byte("\n"))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
