package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Once collects once and writes the metrics.
func Once(ctx context.Context, o Options, w io.Writer) error {
	c := newCollector(o)
	defer c.disconnect()
	begin := time.Now()
	s, err := c.collect(ctx)
	if err != nil {
		return err
	}
	if len(s.Open) == 0 {
		return c.noVHost(s.Closed)
	}
	c.metrics.Succeeded(s, time.Now(), time.Since(begin))
	return telemetry.WriteText(w, c.metrics)
}

// noVHost returns the error of a collection in which no vhost could be read.
func (c *collector) noVHost(closed []string) error {
	switch {
	case len(closed) == 0:
		return errors.New("this login may see no vhost")
	case c.live == nil:
		return &topology.MissingVHostError{Name: closed[0]}
	}
	return c.live.WithoutVHost(closed[0])
}

// Serve serves /metrics, /healthz and /readyz on an address and collects at each interval, until
// ctx ends.
func Serve(ctx context.Context, o Options, listen string) error {
	c := newCollector(o)
	defer c.disconnect()
	server, err := telemetry.Serve(ctx, listen, c.metrics, c.metrics.Ready)
	if err != nil {
		return fmt.Errorf("serve metrics on %s: %w", listen, err)
	}
	defer func() { _ = server.Close() }()
	o.Log.Info("serving /metrics, /healthz and /readyz", "address", server.Addr, "vhosts", len(c.wanted()))
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for failing := false; ; {
		failing = c.round(ctx, failing)
		select {
		case <-ctx.Done():
			o.Log.Info("stopped")
			return nil
		case <-tick.C:
		}
	}
}

// collectionTimeout bounds a collection where the interval is shorter.
const collectionTimeout = 30 * time.Second

// round collects once and publishes the result. The log has a line when collections begin to fail,
// and when they succeed again.
func (c *collector) round(ctx context.Context, wasFailing bool) (failing bool) {
	bounded, cancel := context.WithTimeout(ctx, max(c.Interval, collectionTimeout))
	defer cancel()
	begin := time.Now()
	s, err := c.collect(bounded)
	took := time.Since(begin)
	switch {
	case ctx.Err() != nil:
		return wasFailing
	case err != nil:
		if !wasFailing {
			c.Log.Warn("the broker cannot be read; msgctl_up is 0 until it can", "error", redact.Text(err.Error()))
		}
		c.metrics.Failed(err, took)
		c.disconnect() // its password or address may have changed
		return true
	}
	if c.metrics.Ready() != nil {
		c.Log.Info("the broker can be read", "vhosts", len(s.Open), "dead_letter_queues", len(s.DeadLetters))
	}
	c.metrics.Succeeded(s, time.Now(), took)
	c.Log.Debug("collected", "took", took.Round(time.Millisecond).String())
	return false
}
