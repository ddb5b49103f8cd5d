package cmd

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// sampleDue looks into the queues whose turn it is, and gives all queues their samples.
func (r *exporterRun) sampleDue(ctx context.Context, queues []exporter.Queue) error {
	due := r.rota.Next(queues, r.looks)
	samples := make([]*exporter.Sample, len(due))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(looksAtOnce)
	for i, q := range due {
		g.Go(func() (err error) {
			samples[i], err = r.look(gctx, r.open[q.VHost], q.Name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, q := range due {
		r.rota.Note(q, samples[i])
	}
	r.rota.Fill(queues)
	return nil
}

// lookPatience is how long one look may take: a broker that can be counted but not consumed from
// must not hide the counts.
const lookPatience = 10 * time.Second

// look takes a sample of a queue. One that cannot be looked into hides no other.
func (r *exporterRun) look(ctx context.Context, v *vhost.VHost, name string) (*exporter.Sample, error) {
	s := &exporter.Sample{At: time.Now(), Deaths: map[exporter.Death]int{}}
	bounded, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	err := r.sampleQueue(bounded, v, name, s)
	if err == nil || ctx.Err() != nil {
		return s, err
	}
	r.trouble(exporter.StageSample, err, "vhost", v.Name, "queue", name)
	return &exporter.Sample{At: s.At, Refused: true}, nil
}

// sampleQueue reads the first messages of a queue where that does no more than set their flag
// redelivered.
func (r *exporterRun) sampleQueue(ctx context.Context, v *vhost.VHost, name string, s *exporter.Sample) error {
	o, ok := v.Live.Get(v.Ref(name))
	if !ok {
		return nil
	}
	q := o.(*topology.Queue)
	most := r.sample
	if q.Type == topology.Quorum {
		// it keeps returned messages apart: returning several behind others that were returned
		// before would change their order
		most = 1
	}
	l, err := v.Judge(ctx, q, dlq.AssessOptions{Limit: most})
	if err != nil {
		return err
	}
	if why := vhost.OnlyMarks(l); why != "" {
		s.Refused = true
		r.log.Debug("not looked into: "+why, "vhost", v.Name, "queue", name)
		return nil
	}
	isWait := v.IsWait()
	report, err := v.BrowseHead(ctx, l, most, "msgctl exporter", func(m *message.Message) error {
		if s.Messages++; s.Messages == 1 {
			s.Oldest = m.DiedAt()
		}
		s.Deaths[exporter.NewDeath(m, isWait, v.Exists)]++
		return nil
	})
	if report.Kept > 0 || report.Reordered || len(report.Lost) > 0 {
		r.log.Warn("the look changed the queue: some messages had reached its delivery limit, or changed their places",
			"vhost", v.Name, "queue", name,
			"copied_to_the_end", report.Kept, "reordered", report.Reordered, "lost", report.Lost)
	}
	return err
}

// limitedInBytes are the queues of the file that may not grow over so many bytes.
func (r *exporterRun) limitedInBytes(vhost string) map[string]bool {
	limited := map[string]bool{}
	n := route.New(r.files.state, vhost, r.files.version)
	for _, name := range n.QueueNames() {
		if _, ok := n.Settings(name).Get("max-length-bytes").Int(); ok {
			limited[name] = true
		}
	}
	return limited
}
