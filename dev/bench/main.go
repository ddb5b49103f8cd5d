package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/dev/bench/reference"
)

func main() {
	if os.Getenv(reference.HandlerMode) != "" {
		reference.EchoHandler()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.sizes, "sizes", "1000,10000", "numbers of objects to apply, separated by commas")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of which the median counts")
	flag.IntVar(&o.messages, "messages", 100_000, "dead letters to replay, and messages of a queue to convert")
	flag.IntVar(&o.groupMessages, "group-messages", 1_000_000, "dead letters to group")
	flag.IntVar(&o.events, "events", 200_000, "events to publish, to watch, and to consume")
	flag.StringVar(&o.other, "other", "", "another build of msgctl, to replay in the same rounds")
	flag.StringVar(&o.deadLetters, "dead-letters", "",
		"kinds of dead letters to replay, separated by commas: classic/4096 (default: both types of queue, 256 and 4096 "+
			"bytes)")
	flag.StringVar(&o.lines, "lines", "",
		"release lines to measure, separated by commas (default: all of MSGCTL_TEST_BROKERS)")
	flag.StringVar(&o.only, "only", "", "one part: "+partNames+" (default: all)")
	flag.Parse()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	sizes, only, other, lines       string
	deadLetters                     string
	rounds, messages, groupMessages int
	events                          int
}

// partNames lists the values of -only.
const partNames = "start, offline, apply, dlq, migrate, group, publish, tail, consume"

func (o *options) has(part string) bool { return o.only == "" || o.only == part }

func (o *options) check() error {
	if o.only != "" && !slices.Contains(strings.Split(partNames, ", "), o.only) {
		return fmt.Errorf("-only %s: want one of %s", o.only, partNames)
	}
	if o.rounds < 1 || o.messages < 1 || o.groupMessages < 1 || o.events < 1 {
		return fmt.Errorf("-rounds, -messages, -group-messages and -events must be positive")
	}
	return nil
}

func bench(ctx context.Context, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	brokers, err := reference.ParseBrokers(os.Getenv("MSGCTL_TEST_BROKERS"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "msgctl-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := benchmark{options: o, dir: dir, out: &report{w: os.Stdout}}
	if err := b.build(ctx); err != nil {
		return err
	}
	if o.has("start") {
		if err := b.start(ctx); err != nil {
			return err
		}
	}
	if o.has("offline") {
		if err := b.offline(ctx); err != nil {
			return err
		}
	}
	for _, broker := range brokers {
		if o.lines != "" && !slices.Contains(strings.Split(o.lines, ","), broker.Line) {
			continue
		}
		if err := b.all(ctx, broker); err != nil {
			return fmt.Errorf("RabbitMQ %s: %w", broker.Line, err)
		}
	}
	if b.out.missed > 0 {
		fmt.Printf("\n%d bounds missed. Machines are noisy: run again before believing it.\n", b.out.missed)
	}
	return nil
}

// all measures the selected parts on one broker.
func (b *benchmark) all(ctx context.Context, br reference.Broker) error {
	for _, part := range []struct {
		name    string
		measure func(context.Context, reference.Broker) error
	}{
		{"apply", b.applies}, {"dlq", b.replays}, {"migrate", b.migrate}, {"group", b.group},
		{"publish", b.publish}, {"tail", b.tail}, {"consume", b.consume},
	} {
		if !b.has(part.name) {
			continue
		}
		if err := part.measure(ctx, br); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchmark) replays(ctx context.Context, br reference.Broker) error {
	for _, of := range b.deadLetterKinds() {
		if err := b.replay(ctx, br, of); err != nil {
			return fmt.Errorf("%d dead letters of %d B in a %s queue: %w", of.count, of.size, of.queueType, err)
		}
	}
	return nil
}

func (b *benchmark) applies(ctx context.Context, br reference.Broker) error {
	for text := range strings.SplitSeq(b.sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("-sizes: %w", err)
		}
		if err := b.apply(ctx, br, reference.NewWorkload(size)); err != nil {
			return fmt.Errorf("%d objects: %w", size, err)
		}
	}
	return nil
}

type benchmark struct {
	options
	dir string
	out *report
}

func (b *benchmark) msgctl() string { return filepath.Join(b.dir, "msgctl") }
