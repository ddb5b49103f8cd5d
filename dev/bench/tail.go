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

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

const (
	tailExchange  = "bench.events"
	minOfTailBare = 0.7
)

// tail compares `msgctl tail` with a bare consumer of a queue bound to the same exchange, which a
// publisher fills as fast as it can. The time runs from the first message published to the last one
// in the file, or consumed. The order changes in each round.
func (b *benchmark) tail(ctx context.Context, br reference.Broker) error {
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
			k.times, peak = append(k.times, u.Wall), max(peak, u.PeakKiB)
		}
	}
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d events of %d B watched as they are published", br.Line, b.events,
		reference.EventSize))
	for _, k := range kinds {
		b.out.atLeast("rate of "+k.name+" / of a bare consumer", ratio(median(bare), median(k.times)), minOfTailBare,
			rates(b.events, median(k.times), median(bare)))
	}
	b.out.atMost("peak memory in MB", megabytes(peak), maxTailMB, "")
	return br.RemoveVHost(ctx)
}

// maxTailMB allows for the buffer, the same amount again in the reader, and memory that the Go
// garbage collector has not yet freed.
const maxTailMB = 160

// tailRound measures one run of `msgctl tail` on the exchange.
func (b *benchmark) tailRound(ctx context.Context, br reference.Broker, args []string) (process.Usage, error) {
	l, err := b.tailArena(ctx, br)
	if err != nil {
		return process.Usage{}, err
	}
	defer l.Close()
	name := filepath.Join(b.dir, "tail.ndjson")
	defer func() { _ = os.Remove(name) }()
	out, err := os.Create(name)
	if err != nil {
		return process.Usage{}, err
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
	u, err := b.follow(ctx, br, out, full, func() error { return l.Pour(ctx, tailExchange, b.events) })
	if err != nil {
		return u, err
	}
	n, err := countLines(name)
	if err == nil && n != b.events {
		err = fmt.Errorf("the file has %d lines, not %d", n, b.events)
	}
	return u, err
}

// follow starts msgctl, publishes as soon as it watches, and waits until it ends.
func (b *benchmark) follow(ctx context.Context, br reference.Broker, out *os.File, args []string,
	publish func() error) (process.Usage, error) {
	cmd := exec.CommandContext(ctx, b.msgctl(), args...)
	cmd.Dir, cmd.Env, cmd.Stdout = b.dir, append(os.Environ(), br.Environment(br.API)...), out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return process.Usage{}, err
	}
	if err := cmd.Start(); err != nil {
		return process.Usage{}, err
	}
	seen := process.WatchPeak(cmd.Process.Pid)
	said := bufio.NewReader(stderr)
	var all bytes.Buffer
	for !strings.Contains(all.String(), "Watching") {
		line, err := said.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			_ = cmd.Wait()
			return process.Usage{}, fmt.Errorf("it did not begin to watch:\n%s", all.Bytes())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	start := time.Now()
	if err := publish(); err != nil {
		return process.Usage{}, err
	}
	if err := cmd.Wait(); err != nil {
		return process.Usage{}, err
	}
	return process.Usage{Wall: time.Since(start), PeakKiB: seen()}, nil
}

// bareRound measures a consumer that only acknowledges the messages.
func (b *benchmark) bareRound(ctx context.Context, br reference.Broker) (time.Duration, error) {
	l, err := b.tailArena(ctx, br)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	const queue = "bench.bare"
	if err := l.Declare(queue, "classic"); err != nil {
		return 0, err
	}
	if err := l.Channel.QueueBind(queue, "#", tailExchange, false, nil); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		_, err := br.DrainAll(ctx, queue, b.events)
		done <- err
	}()
	if err := l.Pour(ctx, tailExchange, b.events); err != nil {
		return 0, err
	}
	if err := <-done; err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

func (b *benchmark) tailArena(ctx context.Context, br reference.Broker) (*reference.Link, error) {
	if err := br.EmptyVHost(ctx); err != nil {
		return nil, err
	}
	l, err := br.Dial()
	if err != nil {
		return nil, err
	}
	if err := l.Channel.ExchangeDeclare(tailExchange, "topic", true, false, false, false, nil); err != nil {
		l.Close()
		return nil, err
	}
	time.Sleep(reference.Rest)
	return l, nil
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
