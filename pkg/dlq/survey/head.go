package survey

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
)

// Head is what the first message of a queue told, and when.
type Head struct {
	// Died is when it died, zero where that is not known: Unknown says why.
	Died    time.Time
	Unknown string
	// Convention is by whose convention the message failed elsewhere; "" by none.
	Convention string

	readAt time.Time
}

const (
	// headEvery is how long the first message of a dead-letter queue is relied on.
	headEvery = time.Minute
	// searchEvery is how long that of a queue is which is none as far as was seen.
	searchEvery = 10 * time.Minute
	// searched is how many of these are looked into in a vhost.
	searched = 20
)

// pending is a queue whose first message is to be read.
type pending struct {
	v *VHost
	l browse.Assessment
}

// toDate returns the dead-letter queues whose first message is to be looked at, and notes of the
// others why not.
func (v *VHost) toDate(now time.Time) (due []pending) {
	for _, q := range v.Found.Queues {
		l, ok := v.assessments[q.Name]
		n := v.Counts[q.Name]
		if !ok || n.Known && n.Ready == 0 || now.Sub(v.heads[q.Name].readAt) < headEvery {
			continue
		}
		if why := vhost.OnlyMarks(l); why != "" {
			v.heads[q.Name] = Head{Unknown: why, readAt: now}
			continue
		}
		due = append(due, pending{v, l})
	}
	return due
}

// toSearch returns the queues that neither topology nor name tells of and that may hold what failed
// elsewhere: those with the most messages, as many as are bearable.
func (v *VHost) toSearch(ctx context.Context, now time.Time) (due []pending, err error) {
	v.Unsearched = 0
	candidates := v.candidates()
	for i, name := range candidates {
		if i >= searched {
			v.Unsearched += len(candidates) - i
			break
		}
		if err := v.assessQueue(ctx, name); err != nil {
			return nil, err
		}
		l := v.assessments[name]
		switch {
		case !browse.MayHoldErrors(l, v.Live.Status[v.Ref(name)]):
			v.Unsearched++
		case now.Sub(v.heads[name].readAt) >= searchEvery:
			due = append(due, pending{v, l})
		}
	}
	return due, nil
}

// candidates are the queues with messages and without consumers that were not found, those with the
// most messages first.
func (v *VHost) candidates() []string {
	found := map[string]bool{}
	for _, q := range v.Found.Queues {
		found[q.Name] = true
	}
	var names []string
	for name, n := range v.Counts {
		if !found[name] && n.Known && n.Ready > 0 && n.Consumers == 0 && v.Exists(name) && !v.Live.IsExclusive(v.Name, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.Counts[b].Ready, v.Counts[a].Ready), cmp.Compare(a, b))
	})
	return names
}

// readHeads reads first messages, a few at a time, and keeps them with their vhosts.
func readHeads(ctx context.Context, due []pending, now time.Time) error {
	heads := make([]Head, len(due))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(headsAtOnce)
	for i, p := range due {
		g.Go(func() (err error) {
			heads[i], err = p.v.readHead(gctx, p.l, now)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, p := range due {
		p.v.heads[p.l.Queue] = heads[i]
	}
	return nil
}

// readHead looks at the first message of a queue. A queue that cannot be read hides no other.
func (v *VHost) readHead(ctx context.Context, l browse.Assessment, now time.Time) (Head, error) {
	h := Head{readAt: now, Unknown: "its first message does not record when it died"}
	report, err := v.BrowseHead(ctx, l, 1, "", func(m *message.Message) error {
		h.Convention = discover.ErrorConvention(m)
		if h.Died = m.DiedAt(); !h.Died.IsZero() {
			h.Unknown = ""
		}
		return nil
	})
	v.WarnHarm(l.Queue, report)
	if err != nil {
		if ctx.Err() != nil {
			return h, err
		}
		h.Unknown = err.Error()
	}
	return h, nil
}
