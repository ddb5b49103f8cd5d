package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/msgctl/msgctl/dev/bench/process"
	"github.com/msgctl/msgctl/dev/bench/reference"
)

// timings holds the durations and peak memory of all rounds.
type timings struct {
	bulk, sequential, first, second []time.Duration
	peakKiB                         []int64
}

// apply measures one workload on one broker. Each round runs every contender in turn, so that a
// machine that slows down affects all of them alike.
func (b *benchmark) apply(ctx context.Context, br reference.Broker, w reference.Workload) error {
	file := filepath.Join(b.dir, "topology.yaml")
	if err := w.WriteTopology(file); err != nil {
		return err
	}
	var t timings
	for range b.rounds {
		if err := b.round(ctx, br, w, file, &t); err != nil {
			return err
		}
	}
	requests, err := b.countRequests(ctx, br, file)
	if err != nil {
		return err
	}
	b.print(br, w, t, requests)
	return br.RemoveVHost(ctx)
}

func (b *benchmark) round(ctx context.Context, br reference.Broker, w reference.Workload, file string,
	t *timings) error {
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	d, err := br.BulkImport(ctx, w)
	if err != nil {
		return err
	}
	t.bulk = append(t.bulk, d)
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	if d, err = br.SequentialPuts(w); err != nil {
		return err
	}
	t.sequential = append(t.sequential, d)
	if err := br.EmptyVHost(ctx); err != nil {
		return err
	}
	first, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), "apply", "-f", file, "--yes")
	if err != nil {
		return err
	}
	second, err := process.Run(ctx, br.Environment(br.API), b.msgctl(), "apply", "-f", file, "--yes")
	if err != nil {
		return err
	}
	t.first, t.second = append(t.first, first.Wall), append(t.second, second.Wall)
	t.peakKiB = append(t.peakKiB, first.PeakKiB, second.PeakKiB)
	return nil
}

// countRequests returns the number of HTTP requests of an apply that changes nothing.
func (b *benchmark) countRequests(ctx context.Context, br reference.Broker, file string) (int64, error) {
	p, err := newCountingProxy(br.API)
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.server.Close() }()
	if _, err := process.Run(ctx, br.Environment(p.url), b.msgctl(), "apply", "-f", file, "--yes"); err != nil {
		return 0, err
	}
	return p.requests.Load(), nil
}

const (
	maxOfBulk       = 1.5
	maxOfSequential = 0.5
	maxOfFirst      = 0.15
	maxMiB          = 100
)

func (b *benchmark) print(br reference.Broker, w reference.Workload, t timings, requests int64) {
	bulk, sequential, first, second := median(t.bulk), median(t.sequential), median(t.first), median(t.second)
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d objects", br.Line, w.Size()))
	b.out.atMost("first apply / the broker's bulk import", ratio(first, bulk), maxOfBulk, pair(first, bulk))
	b.out.atMost("first apply / sequential PUTs", ratio(first, sequential), maxOfSequential, pair(first, sequential))
	b.out.atMost("second apply / first apply", ratio(second, first), maxOfFirst, pair(second, first))
	b.out.atMost("peak memory in MiB", float64(median(t.peakKiB))/1024, maxMiB, "")
	b.out.atMost("HTTP requests of the second apply", float64(requests), 25, "the same for every size")
}

func pair(a, b time.Duration) string {
	return fmt.Sprintf("%v / %v", a.Round(time.Millisecond), b.Round(time.Millisecond))
}
