package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

// whereBoth selects about a third of the messages by a header and a field of the body.
const whereBoth = `headers["tenant"] == "acme" && body.totalAmount > 100`

const (
	groupSize       = 256 // bytes of a body
	minOfConsumer   = 0.8
	minOfConsumerIf = 0.5
)

// group compares the grouping of a deep classic queue with bare consumers of the same messages. The
// order changes in each round, because a broker may take 67 or 130 s to deliver a million messages,
// whichever program reads them (fact delivery-at-two-speeds).
//
// There are two bare consumers. One holds all messages, one prefetch after another, and
// returns them at the end. This is the same work for the broker, so the bound refers to this
// consumer. The other acknowledges the messages. This is cheaper for the broker, which may forget
// them, but it empties the queue. Its rate is printed for comparison only.
func (b *benchmark) group(ctx context.Context, br reference.Broker) error {
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	const browsed, drained = "bench.looked.dlq", "bench.drained.dlq"
	l, err := br.Dial()
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Fanout("bench.dlx", "classic", []string{browsed, drained}); err != nil {
		return err
	}
	died := []string{"orders.created.queue", "orders.paid.queue", "notifications.queue"}
	err = l.Fill(ctx, "bench.dlx", b.groupMessages, []string{browsed, drained},
		func(i int) amqp.Publishing { return reference.DeadLetter(i, groupSize, died[i%len(died)]) })
	if err != nil {
		return err
	}
	then := func(step func() error) error {
		time.Sleep(reference.Rest)
		if err := step(); err != nil {
			return err
		}
		if err := l.Await(ctx, browsed, b.groupMessages); err != nil {
			return fmt.Errorf("after a look: %w", err)
		}
		return nil
	}
	// The first read runs at half the speed because the broker has just written the messages. It is
	// not counted.
	if err := then(func() error { _, err := br.HoldAll(ctx, browsed, b.groupMessages); return err }); err != nil {
		return err
	}
	var g grouped
	browsers := []func() error{
		func() error { return g.all.add(b.inspect(ctx, br, browsed)) },
		func() error { return g.holding.add(br.HoldAll(ctx, browsed, b.groupMessages)) },
		func() error { return g.some.add(b.inspect(ctx, br, browsed, "--where", whereBoth)) },
	}
	for range b.rounds {
		for _, browse := range browsers {
			if err := then(browse); err != nil {
				return err
			}
		}
		browsers = append(browsers[1:], browsers[0])
	}
	if err := then(func() error { return g.draining.add(br.DrainAll(ctx, drained, b.groupMessages)) }); err != nil {
		return err
	}
	b.printGroup(br, g)
	return br.RemoveVHost(ctx)
}

// grouped holds the measurements of msgctl without and with --where, and of the bare consumers.
type grouped struct{ all, some, holding, draining browser }

// browser holds the measurements of one program that reads all messages.
type browser struct {
	times []time.Duration
	cpu   time.Duration // of the last time
	peak  int64         // in KiB, of all times
}

func (l *browser) add(u process.Usage, err error) error {
	l.times, l.cpu, l.peak = append(l.times, u.Wall), u.CPU, max(l.peak, u.PeakKiB)
	return err
}

func (l *browser) wall() time.Duration { return median(l.times) }

// inspect groups the messages of a queue with msgctl and checks that it read all of them.
func (b *benchmark) inspect(ctx context.Context, br reference.Broker, queue string, more ...string) (process.Usage,
	error) {
	args := append([]string{"dlq", "inspect", queue, "--group-by", "reason,queue", "-o", "json", "--progress", "none"},
		more...)
	u, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), args...)
	if err == nil && !bytes.Contains(u.Out, fmt.Appendf(nil, `"looked_at": %d`, b.groupMessages)) {
		err = fmt.Errorf("msgctl %v did not look at %d messages:\n%s", args, b.groupMessages, u.Out)
	}
	return u, err
}

func (b *benchmark) printGroup(br reference.Broker, g grouped) {
	n := b.groupMessages
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d dead letters of %d B in a classic queue, grouped in %.1f s", br.Line, n,
		groupSize, g.all.wall().Seconds()))
	b.out.atLeast("rate of --group-by / of a bare consumer that gives back", ratio(g.holding.wall(), g.all.wall()),
		minOfConsumer, rates(n, g.all.wall(), g.holding.wall()))
	b.out.atLeast("rate with --where, too / of the same", ratio(g.holding.wall(), g.some.wall()), minOfConsumerIf,
		rates(n, g.some.wall(), g.holding.wall()))
	b.out.atMost("peak memory in MB", megabytes(max(g.all.peak, g.some.peak)), maxBrowseMB, "")
	b.out.note(fmt.Sprintf("beside one that empties the queue, which is no look at it: %.2f, with --where %.2f (%.0f "+
		"messages a second)",
		ratio(g.draining.wall(), g.all.wall()), ratio(g.draining.wall(),
			g.some.wall()), float64(n)/g.draining.wall().Seconds()))
	each := func(l browser) float64 { return float64(l.cpu.Microseconds()) / float64(n) }
	b.out.note(fmt.Sprintf("processor time of the client: %.1f µs a message, with --where %.1f, of the bare consumers "+
		"%.1f and %.1f",
		each(g.all), each(g.some), each(g.holding), each(g.draining)))
}
