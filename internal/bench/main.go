package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	sizes := flag.String("sizes", "1000,10000", "numbers of objects, separated by commas")
	rounds := flag.Int("rounds", 3, "rounds of which the median counts")
	flag.Parse()
	if err := bench(ctx, *sizes, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, sizes string, rounds int) error {
	brokers, err := parseBrokers(os.Getenv("MSGCTL_TEST_BROKERS"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "msgctl-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := benchmark{dir: dir, rounds: rounds, out: &report{w: os.Stdout}}
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	for _, broker := range brokers {
		for text := range strings.SplitSeq(sizes, ",") {
			size, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("-sizes: %w", err)
			}
			if err := b.apply(ctx, broker, newWorkload(size)); err != nil {
				return fmt.Errorf("RabbitMQ %s, %d objects: %w", broker.line, size, err)
			}
		}
	}
	if b.out.missed > 0 {
		fmt.Printf("\n%d bounds missed. Machines are noisy: run again before believing it.\n", b.out.missed)
	}
	return nil
}

type benchmark struct {
	dir    string
	rounds int
	out    *report
}

func (b *benchmark) msgctl() string { return filepath.Join(b.dir, "msgctl") }

func (b *benchmark) bare() string { return filepath.Join(b.dir, "barecobra") }

func (b *benchmark) build(ctx context.Context) error {
	for target, pkg := range map[string]string{b.msgctl(): ".", b.bare(): "./internal/bench/barecobra"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", target, pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// startRounds is how often the short-lived programs run: their times vary more.
const startRounds = 21

// start measures how fast `msgctl --help` answers.
func (b *benchmark) start(ctx context.Context) error {
	var ours, theirs []time.Duration
	for range startRounds {
		u, err := run(ctx, nil, b.msgctl(), "--help")
		if err != nil {
			return err
		}
		v, err := run(ctx, nil, b.bare(), "--help")
		if err != nil {
			return err
		}
		ours, theirs = append(ours, u.wall), append(theirs, v.wall)
	}
	m, t := median(ours), median(theirs)
	b.out.heading("msgctl --help")
	b.out.atMost("time, in ms", float64(m.Microseconds())/1000, 30, "")
	b.out.atMost("time / a bare cobra program's", ratio(m, t), 1.5, fmt.Sprintf("%v / %v", m.Round(100*time.Microsecond), t.Round(100*time.Microsecond)))
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
