package exporter

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	// concurrentSamples bounds the connections that read samples.
	concurrentSamples = 4
	// sampleTimeout is for one queue: a broker that can be counted but not consumed from must not
	// hide the counts.
	sampleTimeout = 10 * time.Second
)

// sampleDue samples the queues that are due, and gives all queues their last sample.
func (c *collector) sampleDue(ctx context.Context, queues []Queue) error {
	due := c.schedule.next(queues, c.SampledQueues)
	samples := make([]*Sample, len(due))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentSamples)
	for i, q := range due {
		g.Go(guarded.Try(func() (err error) {
			samples[i], err = c.sample(gctx, c.open[q.VHost], q.Name)
			return err
		}))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, q := range due {
		c.schedule.record(q, samples[i])
	}
	c.schedule.fill(queues)
	return nil
}

// sample samples one queue. A failure hides no other queue.
func (c *collector) sample(ctx context.Context, v *vhost.VHost, name string) (*Sample, error) {
	bounded, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	s := &Sample{At: time.Now(), Deaths: map[Death]int{}}
	err := c.readSample(bounded, v, name, s)
	if err == nil || ctx.Err() != nil {
		return s, err
	}
	c.reportError(StageSample, err, "vhost", v.Name, "queue", name)
	return &Sample{At: s.At, Refused: true}, nil
}

func (c *collector) readSample(ctx context.Context, v *vhost.VHost, name string, s *Sample) error {
	o, ok := v.Live.Get(v.Ref(name))
	if !ok {
		return nil
	}
	q := o.(*topology.Queue)
	limit := c.SampledMessages
	if q.Type == topology.Quorum {
		// it keeps returned messages apart: returning several behind others that were returned
		// before would change their order
		limit = 1
	}
	l, err := v.Judge(ctx, q, browse.AssessOptions{Limit: limit})
	if err != nil {
		return err
	}
	if why := vhost.OnlyMarks(l); why != "" {
		s.Refused = true
		c.Log.Debug("not sampled: "+why, "vhost", v.Name, "queue", name)
		return nil
	}
	isWait := v.IsWait()
	report, err := v.BrowseHead(ctx, l, limit, "msgctl exporter", func(m *message.Message) error {
		if s.Messages++; s.Messages == 1 {
			s.Oldest = m.DiedAt()
		}
		s.Deaths[NewDeath(m, isWait, v.Exists)]++
		return nil
	})
	if report.Kept > 0 || report.Reordered || len(report.Lost) > 0 {
		c.Log.Warn("sampling changed the queue: some messages had reached its delivery limit, or changed their places",
			"vhost", v.Name, "queue", name,
			"copied_to_the_end", report.Kept, "reordered", report.Reordered, "lost", report.Lost)
	}
	return err
}
