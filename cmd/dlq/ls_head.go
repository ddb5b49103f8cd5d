package dlq

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// head is what the first message of a queue told, and when.
type head struct {
	died, looked time.Time
	// unknown says why died is not known.
	unknown string
	// convention is by whose convention the message failed elsewhere.
	convention string
}

const (
	// headEvery is how long --watch relies on the first message of a dead-letter queue.
	headEvery = time.Minute
	// searchEvery is how long it relies on that of a queue which is none as far as was seen.
	searchEvery = 10 * time.Minute
	// searched is how many of these are looked into in a vhost.
	searched = 20
	// LooksAtOnce bounds the connections that look.
	LooksAtOnce = 4
)

// lookInto looks at the first messages: of dead-letter queues for their age, of others for their
// content.
func (w *listing) lookInto(ctx context.Context, vhosts []*listedVHost, now time.Time) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(LooksAtOnce)
	var mu sync.Mutex
	keep := func(v *listedVHost, queue string, h head) {
		mu.Lock()
		defer mu.Unlock()
		v.heads[queue] = h
	}
	var due []func() error
	unknown := 0
	for _, v := range vhosts {
		if v.closed != "" {
			continue
		}
		if err := v.judge(ctx, now); err != nil {
			return err
		}
		if w.noLook {
			continue
		}
		search, err := v.toSearch(ctx, now)
		if err != nil {
			return err
		}
		unknown += len(search)
		for _, l := range append(v.toDate(now), search...) {
			due = append(due, func() error {
				h, err := v.readHead(gctx, l, now)
				keep(v, l.Queue, h)
				return err
			})
		}
	}
	w.tellSearch(unknown)
	for _, look := range due {
		g.Go(look)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, v := range vhosts {
		if v.closed == "" {
			if err := v.adopt(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellSearch says once what looking into queues that are no dead-letter queues does.
func (w *listing) tellSearch(queues int) {
	if queues > 0 && w.said == "" {
		w.said = searchText(queues, " (--no-look looks at none)")
		w.proc.Say("%s", w.said)
	}
}

// toDate returns the dead-letter queues whose first message is to be looked at, and notes of the
// others why not.
func (v *listedVHost) toDate(now time.Time) (due []browse.Assessment) {
	for _, q := range v.s.Found.Queues {
		l, ok := v.looks[q.Name]
		n := v.s.Counts[q.Name]
		if !ok || n.Known && n.Ready == 0 || now.Sub(v.heads[q.Name].looked) < headEvery {
			continue
		}
		if why := vhost.OnlyMarks(l); why != "" {
			v.heads[q.Name] = head{unknown: why, looked: now}
			continue
		}
		due = append(due, l)
	}
	return due
}

// toSearch returns the queues that neither topology nor name tells of and that may hold what failed
// elsewhere: those with the most messages, as many as are bearable.
func (v *listedVHost) toSearch(ctx context.Context, now time.Time) (due []browse.Assessment, err error) {
	v.unsearched = 0
	candidates := v.candidates()
	for i, name := range candidates {
		if i >= searched {
			v.unsearched += len(candidates) - i
			break
		}
		if err := v.judgeQueue(ctx, name); err != nil {
			return nil, err
		}
		l := v.looks[name]
		switch {
		case !browse.MayHoldErrors(l, v.s.Live.Status[v.s.Ref(name)]):
			v.unsearched++
		case now.Sub(v.heads[name].looked) >= searchEvery:
			due = append(due, l)
		}
	}
	return due, nil
}

// candidates are the queues with messages and without consumers that were not found, those with the
// most messages first.
func (v *listedVHost) candidates() []string {
	found := map[string]bool{}
	for _, q := range v.s.Found.Queues {
		found[q.Name] = true
	}
	var names []string
	for name, n := range v.s.Counts {
		if !found[name] && n.Known && n.Ready > 0 && n.Consumers == 0 && v.s.Exists(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.s.Counts[b].Ready, v.s.Counts[a].Ready), cmp.Compare(a, b))
	})
	return names
}

// adopt adds the queues to the found ones whose first message tells that it failed elsewhere.
func (v *listedVHost) adopt(ctx context.Context) error {
	for name, h := range v.heads {
		o, ok := v.s.Live.Get(v.s.Ref(name))
		if !ok {
			delete(v.heads, name)
			continue
		}
		if h.convention == "" || v.s.Counts[name].Ready == 0 {
			continue
		}
		if _, judged := v.looks[name]; !judged {
			if err := v.judgeQueue(ctx, name); err != nil {
				return err
			}
		}
		v.s.Found.AddByContent(o.(*topology.Queue), v.s.Live.Status[v.s.Ref(name)], h.convention)
	}
	return nil
}

// readHead looks at the first message of a queue. A queue that cannot be read hides no other.
func (v *listedVHost) readHead(ctx context.Context, l browse.Assessment, now time.Time) (head, error) {
	h := head{looked: now, unknown: "its first message says nothing of when it died"}
	report, err := v.s.BrowseHead(ctx, l, 1, "", func(m *message.Message) error {
		h.convention = discover.ErrorConvention(m)
		if h.died = m.DiedAt(); !h.died.IsZero() {
			h.unknown = ""
		}
		return nil
	})
	v.s.WarnHarm(l.Queue, report)
	if err != nil {
		if ctx.Err() != nil {
			return h, err
		}
		h.unknown = err.Error()
	}
	return h, nil
}
