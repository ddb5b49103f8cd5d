package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// listedVHost is what dlq ls knows of one vhost.
type listedVHost struct {
	s *vhost.VHost
	// one says that it is the only one that is meant: what goes wrong in it ends the command.
	one     bool
	readAt  time.Time
	growth  discover.Growth
	changes map[topology.Ref]discover.Change
	looks   map[string]browse.Assessment
	heads   map[string]head
	// closed says why it cannot be read; "" when it can.
	closed string
	// unsearched counts the queues that may be error queues and were not looked into.
	unsearched int
}

const (
	// rereadEvery is how long --watch relies on what it read of exchanges, bindings and policies.
	rereadEvery = 30 * time.Second
	// readsAtOnce bounds the vhosts that are read at the same time; each takes some ten requests.
	readsAtOnce = 4
)

// read reads vhosts, or only counts where that was read lately.
func (w *listing) read(ctx context.Context, vhosts []*listedVHost) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for _, v := range vhosts {
		g.Go(func() error { return v.tolerate(gctx, v.read(gctx)) })
	}
	return g.Wait()
}

// tolerate keeps a vhost that is closed to us, or was just deleted, from hiding the others.
func (v *listedVHost) tolerate(ctx context.Context, err error) error {
	v.closed = ""
	if err == nil || v.one || ctx.Err() != nil || errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	v.closed = err.Error()
	return nil
}

func (v *listedVHost) read(ctx context.Context) error {
	if time.Since(v.readAt) <= rereadEvery {
		return v.s.Count(ctx)
	}
	if err := v.s.Read(ctx); err != nil {
		return cmdmsg.AdviseMissing(err)
	}
	v.readAt = time.Now()
	return nil
}

// judge says of each dead-letter queue whether a look into it is safe.
func (v *listedVHost) judge(ctx context.Context, now time.Time) error {
	v.looks = map[string]browse.Assessment{}
	if err := v.adopt(ctx); err != nil {
		return err
	}
	v.changes = v.growth.Note(v.s.Found, now)
	for _, q := range v.s.Found.Queues {
		if err := v.judgeQueue(ctx, q.Name); err != nil {
			return err
		}
	}
	return nil
}

func (v *listedVHost) judgeQueue(ctx context.Context, name string) error {
	o, ok := v.s.Live.Get(v.s.Ref(name))
	if !ok {
		return nil
	}
	l, err := v.s.Judge(ctx, o.(*topology.Queue), browse.AssessOptions{})
	if err == nil {
		v.looks[name] = l
	}
	return err
}

// add adds what was found to the document.
func (v *listedVHost) add(doc *deadletters.ListDocument, now time.Time) {
	if v.closed != "" {
		doc.Unsure = append(doc.Unsure, v.closed)
		return
	}
	for _, q := range v.s.Found.Queues {
		if l, ok := v.looks[q.Name]; ok {
			doc.Queues = append(doc.Queues, v.queue(q, l, now))
		}
	}
	for _, l := range v.s.Found.Losing {
		doc.Losing = append(doc.Losing, deadletters.NewLosingDocument(l))
	}
	for _, u := range v.s.Found.Unsure {
		doc.Unsure = append(doc.Unsure, v.prefix()+u)
	}
	if v.unsearched > 0 {
		doc.Unsure = append(doc.Unsure,
			fmt.Sprintf("%snot searched for messages that failed elsewhere: %s with messages and without consumers, because "+
				"a look could do more than set a flag, or they are too many; --match lists queues by name",
				v.prefix(), terminal.FormatPlural(int64(v.unsearched), "queue", "queues")))
	}
}

func (v *listedVHost) prefix() string {
	if v.one {
		return ""
	}
	return fmt.Sprintf("vhost %q: ", v.s.Name)
}

func (v *listedVHost) queue(q discover.Queue, l browse.Assessment, now time.Time) deadletters.QueueDocument {
	d := deadletters.NewQueueDocument(q)
	n := v.s.Counts[q.Name]
	d.Ready, d.Unacked, d.Consumers, d.Known = n.Ready, n.Unacked, n.Consumers, n.Known
	if c := v.changes[q.Ref()]; c.Known {
		perMinute := c.PerMinute()
		d.Growth = &perMinute
	}
	d.Browse = deadletters.NewBrowseDocument(l)
	if d.Known && d.Ready == 0 {
		delete(v.heads, q.Name)
		return d
	}
	h := v.heads[q.Name]
	d.OldestUnknown, d.ByContent = h.unknown, h.convention
	if !h.died.IsZero() {
		d.OldestMS = max(0, now.Sub(h.died).Milliseconds())
	}
	return d
}
