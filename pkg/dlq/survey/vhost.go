package survey

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// VHost is what a survey knows about one vhost.
type VHost struct {
	*vhost.VHost
	// Closed says why it cannot be read; "" if it can.
	Closed string
	// Unsearched counts the candidates for error queues that were not browsed.
	Unsearched int
	// Unread says why first messages could not be read, each reason once.
	Unread []string

	readAt      time.Time
	growth      discover.Growth
	changes     map[topology.Ref]discover.Change
	assessments map[string]browse.Assessment
	heads       map[string]Head
}

func newVHost(v *vhost.VHost) *VHost { return &VHost{VHost: v, heads: map[string]Head{}} }

// Queue is a dead-letter queue of a vhost.
type Queue struct {
	discover.Queue
	Counts topology.QueueCounts
	// Change is how it grew since the previous survey.
	Change discover.Change
	// Browse says whether it may be browsed.
	Browse browse.Assessment
	// Head is its first message; zero if the queue is empty.
	Head Head
}

// Queues returns the dead-letter queues, sorted by name.
func (v *VHost) Queues() []Queue {
	var list []Queue
	for _, q := range v.Found.Queues {
		l, ok := v.assessments[q.Name]
		if !ok {
			continue
		}
		n := v.Counts[q.Name]
		if n.Known && n.Ready == 0 {
			delete(v.heads, q.Name)
		}
		list = append(list, Queue{Queue: q, Counts: n, Change: v.changes[q.Ref()], Browse: l, Head: v.heads[q.Name]})
	}
	return list
}

// read reads the vhost, or only its counts if it was read recently.
func (v *VHost) read(ctx context.Context) error {
	if time.Since(v.readAt) <= rereadEvery {
		return v.Count(ctx)
	}
	if err := v.Read(ctx); err != nil {
		return err
	}
	v.readAt = time.Now()
	return nil
}

// assess assesses whether browsing each dead-letter queue is safe.
func (v *VHost) assess(ctx context.Context, now time.Time) error {
	v.assessments = map[string]browse.Assessment{}
	if err := v.adopt(ctx); err != nil {
		return err
	}
	v.changes = v.growth.Note(v.Found, now)
	for _, q := range v.Found.Queues {
		if err := v.assessQueue(ctx, q.Name); err != nil {
			return err
		}
	}
	return nil
}

func (v *VHost) assessQueue(ctx context.Context, name string) error {
	o, ok := v.Live.Get(v.Ref(name))
	if !ok {
		return nil
	}
	l, err := v.Judge(ctx, o.(*topology.Queue), browse.AssessOptions{})
	if err == nil {
		v.assessments[name] = l
	}
	return err
}

// adopt adds the queues whose first message identifies them as error queues.
func (v *VHost) adopt(ctx context.Context) error {
	for name, h := range v.heads {
		o, ok := v.Live.Get(v.Ref(name))
		if !ok {
			delete(v.heads, name)
			continue
		}
		if h.Convention == "" || v.Counts[name].Ready == 0 {
			continue
		}
		if _, assessed := v.assessments[name]; !assessed {
			if err := v.assessQueue(ctx, name); err != nil {
				return err
			}
		}
		v.Found.AddByContent(o.(*topology.Queue), v.Live.Status[v.Ref(name)], h.Convention)
	}
	return nil
}
