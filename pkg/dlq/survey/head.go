package survey

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Head is what the first message of a queue says, and when it was read.
type Head struct {
	// Died is when it died, zero if that is unknown; Unknown says why.
	Died    time.Time
	Unknown string
	// Convention is the convention by which the message records that it failed elsewhere; "" for
	// none.
	Convention string

	readAt time.Time
	// failed says that it could not be read, unreachable that no other one can be read either.
	failed, unreachable bool
}

const (
	// headEvery is how long the first message of a dead-letter queue is cached.
	headEvery = time.Minute
	// searchEvery is how long the first message of a queue that seems to be no dead-letter queue is
	// cached.
	searchEvery = 10 * time.Minute
	// searched is how many such queues of a vhost are browsed.
	searched = 20
)

// pending is a queue whose first message has to be read.
type pending struct {
	v *VHost
	l browse.Assessment
}

// toDate returns the dead-letter queues whose first message is to be read, and notes why others are
// left out.
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

// toSearch returns the queues that may be error queues although neither topology nor name says so:
// those with the most messages, up to a limit.
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

// readHeads reads first messages, a few at a time, and stores them with their vhosts.
func readHeads(ctx context.Context, due []pending, now time.Time) error {
	heads := make([]Head, len(due))
	var silent atomic.Pointer[Head] // of a broker that cannot be reached: no other head is waited for
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(headsAtOnce)
	for i, p := range due {
		g.Go(guarded.Try(func() (err error) {
			if h := silent.Load(); h != nil {
				heads[i] = *h
				return nil
			}
			if heads[i], err = p.v.readHead(gctx, p.l, now); heads[i].unreachable {
				silent.Store(&heads[i])
			}
			return err
		}))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, p := range due {
		p.v.heads[p.l.Queue] = heads[i]
		if h := heads[i]; h.failed && !slices.Contains(p.v.Unread, h.Unknown) {
			p.v.Unread = append(p.v.Unread, h.Unknown)
		}
	}
	return nil
}

// readHead reads the first message of a queue. A queue that cannot be read does not affect the
// others.
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
		h.failed = true
		h.unreachable = errors.Is(err, topology.ErrUnreachable) || errors.Is(err, consume.ErrProtocol) ||
			errors.Is(err, consume.ErrLost)
	}
	return h, nil
}
