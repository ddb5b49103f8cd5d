package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

// deadLetters is one kind of dead-letter queue: its queue type, the number of its messages and
// their size in bytes.
type deadLetters struct {
	count, size int
	queueType   string
}

func (b *benchmark) deadLetterKinds() (out []deadLetters) {
	for _, queueType := range []string{"classic", "quorum"} {
		for _, size := range []int{256, 4096} {
			if b.deadLetters == "" || slices.Contains(strings.Split(b.deadLetters, ","), fmt.Sprintf("%s/%d", queueType, size)) {
				out = append(out, deadLetters{count: b.messages, size: size, queueType: queueType})
			}
		}
	}
	return out
}

// move moves n messages from a queue to another. `dlq replay` moves them to reference.DiedIn and
// ignores to.
type move = func(ctx context.Context, l *reference.Link, from, to string, n int) (process.Usage, error)

// mover is one way to move all messages of a queue, with its measurements.
type mover struct {
	name  string
	move  move
	times []time.Duration
	cpus  []time.Duration // of the client's process; 0 for what the broker does itself
	left  int             // messages that it moved, but that are still in the source
}

func (b *benchmark) movers(br reference.Broker, peak *int64) []*mover {
	list := []*mover{
		{name: "msgctl", move: b.byReplay(br, b.msgctl(), peak)},
		{name: "shovel", move: br.Shovel},
	}
	for _, prefetch := range reference.BarePrefetches {
		list = append(list, &mover{name: bareName(prefetch), move: br.BareLoop(prefetch)})
	}
	if b.other != "" {
		list = append(list, &mover{name: "other", move: b.byReplay(br, b.other, new(int64))})
	}
	return list
}

func bareName(prefetch int) string { return fmt.Sprint("bare", prefetch) }

// byReplay moves messages with the msgctl binary program.
func (b *benchmark) byReplay(br reference.Broker, program string, peak *int64) move {
	return func(ctx context.Context, _ *reference.Link, from, _ string, _ int) (process.Usage, error) {
		u, err := process.Run(ctx, br.Environment(br.API), program, "dlq", "replay", from, "--yes", "--progress", "none")
		*peak = max(*peak, u.PeakKiB)
		return u, err
	}
}

// replay measures one kind of dead-letter queue on one broker. In each round every mover empties
// its own queue with the same messages. The order rotates, so that background work that one mover
// leaves to the broker does not always slow down the same successor.
func (b *benchmark) replay(ctx context.Context, br reference.Broker, of deadLetters) error {
	var peak int64
	movers := b.movers(br, &peak)
	for range b.rounds {
		if err := b.replayRound(ctx, br, of, movers); err != nil {
			return err
		}
		movers = append(movers[1:], movers[0])
	}
	b.printReplay(br, of, movers, peak)
	return br.RemoveVHost(ctx)
}

func (b *benchmark) replayRound(ctx context.Context, br reference.Broker, of deadLetters, movers []*mover) error {
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	l, err := br.Dial()
	if err != nil {
		return err
	}
	defer l.Close()
	var sources []string
	for _, m := range movers {
		sources = append(sources, "bench."+m.name+".dlq")
	}
	if err := l.Fanout("bench.dlx", of.queueType, sources); err != nil {
		return err
	}
	err = l.Fill(ctx, "bench.dlx", of.count, sources, func(i int) amqp.Publishing {
		return reference.DeadLetter(i, of.size, reference.DiedIn)
	})
	if err != nil {
		return err
	}
	for i, m := range movers {
		if err := m.round(ctx, l, of, sources[i]); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// round lets one mover move the messages of its queue into an empty one, and waits until all have
// arrived.
func (m *mover) round(ctx context.Context, l *reference.Link, of deadLetters, source string) error {
	if err := l.Declare(reference.DiedIn, of.queueType); err != nil {
		return err
	}
	time.Sleep(reference.Rest)
	used, err := m.move(ctx, l, source, reference.DiedIn, of.count)
	if err != nil {
		return err
	}
	m.times, m.cpus = append(m.times, used.Wall), append(m.cpus, used.CPU)
	if err := l.Await(ctx, reference.DiedIn, of.count); err != nil {
		return err
	}
	left, err := l.Ready(source)
	if err != nil {
		return err
	}
	m.left += left
	return l.Clear(source, reference.DiedIn)
}

const (
	minOfShovel = 1.0
	minOfBare   = 0.95
	maxBrowseMB = 64
)

func (b *benchmark) printReplay(br reference.Broker, of deadLetters, movers []*mover, peakKiB int64) {
	took, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	for _, m := range movers {
		took[m.name], cpu[m.name] = median(m.times), median(m.cpus)
	}
	ours, shovel := took["msgctl"], took["shovel"]
	best := bareName(reference.BarePrefetches[0])
	for _, prefetch := range reference.BarePrefetches {
		if name := bareName(prefetch); took[name] < took[best] {
			best = name
		}
	}
	bare := took[best]
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d dead letters of %d B in a %s queue, %.1f µs each to replay",
		br.Line, of.count, of.size, of.queueType, float64(ours.Microseconds())/float64(of.count)))
	b.out.atLeast("rate of replay / of the broker's dynamic shovel", ratio(shovel, ours), minOfShovel,
		rates(of.count, ours, shovel))
	b.out.atLeast("rate of replay / of a bare loop", ratio(bare, ours), minOfBare, rates(of.count, ours, bare))
	b.out.atMost("peak memory in MB", megabytes(peakKiB), maxBrowseMB, "")
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(of.count) }
	b.out.note(fmt.Sprintf("processor time of the client: %.1f µs a message, of the bare loop %.1f", each(cpu["msgctl"]),
		each(cpu[best])))
	if b.other != "" {
		b.out.note(fmt.Sprintf("rate of replay / of the other msgctl: %.2f; its processor time: %.1f µs a message",
			ratio(took["other"], ours), each(cpu["other"])))
	}
	for _, m := range movers {
		if m.left > 0 {
			b.out.note(fmt.Sprintf("%s left %d messages in the source that it had moved", m.name, m.left))
		}
	}
}
