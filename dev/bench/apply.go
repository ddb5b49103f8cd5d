package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// timings collects what the rounds took.
type timings struct {
	bulk, sequential, first, second []time.Duration
	peakKiB                         []int64
}

// apply measures one workload on one broker: every round takes all of them in turn, so that a
// machine that gets slower meanwhile treats them alike.
func (b *benchmark) apply(ctx context.Context, br broker, w workload) error {
	file := filepath.Join(b.dir, "topology.yaml")
	if err := w.writeTopology(file, vhost); err != nil {
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
	return br.removeVHost(ctx)
}

func (b *benchmark) round(ctx context.Context, br broker, w workload, file string, t *timings) error {
	if err := br.emptyVHost(ctx); err != nil {
		return err
	}
	d, err := br.bulkImport(ctx, w)
	if err != nil {
		return err
	}
	t.bulk = append(t.bulk, d)
	if err := br.emptyVHost(ctx); err != nil {
		return err
	}
	if d, err = br.sequentialPuts(w); err != nil {
		return err
	}
	t.sequential = append(t.sequential, d)
	if err := br.emptyVHost(ctx); err != nil {
		return err
	}
	first, err := run(ctx, br.environment(br.api), b.msgctl(), "apply", "-f", file, "--yes")
	if err != nil {
		return err
	}
	second, err := run(ctx, br.environment(br.api), b.msgctl(), "apply", "-f", file, "--yes")
	if err != nil {
		return err
	}
	t.first, t.second = append(t.first, first.wall), append(t.second, second.wall)
	t.peakKiB = append(t.peakKiB, first.peakKiB, second.peakKiB)
	return nil
}

// countRequests says how many HTTP requests an unchanged apply makes.
func (b *benchmark) countRequests(ctx context.Context, br broker, file string) (int64, error) {
	p, err := newCountingProxy(br.api)
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.server.Close() }()
	if _, err := run(ctx, br.environment(p.url), b.msgctl(), "apply", "-f", file, "--yes"); err != nil {
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

func (b *benchmark) print(br broker, w workload, t timings, requests int64) {
	bulk, sequential, first, second := median(t.bulk), median(t.sequential), median(t.first), median(t.second)
	b.out.heading(fmt.Sprintf("RabbitMQ %s, %d objects", br.line, w.size()))
	b.out.atMost("first apply / the broker's bulk import", ratio(first, bulk), maxOfBulk, pair(first, bulk))
	b.out.atMost("first apply / sequential PUTs", ratio(first, sequential), maxOfSequential, pair(first, sequential))
	b.out.atMost("second apply / first apply", ratio(second, first), maxOfFirst, pair(second, first))
	b.out.atMost("peak memory in MiB", float64(median(t.peakKiB))/1024, maxMiB, "")
	b.out.atMost("HTTP requests of the second apply", float64(requests), 25, "the same for every size")
}

func pair(a, b time.Duration) string {
	return fmt.Sprintf("%v / %v", a.Round(time.Millisecond), b.Round(time.Millisecond))
}

// removeVHost leaves the broker as it was.
func (br broker) removeVHost(ctx context.Context) error {
	if err := br.request(ctx, "DELETE", record, nil); err != nil {
		return err
	}
	return br.request(ctx, "DELETE", "/api/vhosts/"+vhost, nil)
}
