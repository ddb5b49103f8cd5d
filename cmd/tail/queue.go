package tail

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// openQueue watches the head of a queue by browsing it repeatedly.
func (t *tailing) openQueue(ctx context.Context) (*tailSource, error) {
	s := vhost.New(t.broker, t.vhost, cmdmsg.VHostOptions(t.proc, t.conn, nil))
	if err := s.Read(ctx); err != nil {
		return nil, cmdmsg.AdviseMissing(err)
	}
	q, err := s.Queue(t.queue)
	if err != nil {
		return nil, cmdmsg.AdviseMissing(err)
	}
	if q.Type == topology.Stream {
		return nil, &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err:    fmt.Errorf("queue %q is a stream: it is read by offset", q.Name),
			Advice: "msgctl tail --stream " + shell.Quote(q.Name)}
	}
	assessment, err := s.Judge(ctx, q, browse.AssessOptions{Limit: t.head})
	if err != nil {
		return nil, err
	}
	if err := mayWatch(assessment); err != nil {
		return nil, err
	}
	first := "message"
	if t.head > 1 {
		first = fmt.Sprintf("%d messages", t.head)
	}
	cmdmsg.NoteBrowsing(t.proc, q, assessment, fmt.Sprintf("Every %s, browsing the first %s of", t.every, first))
	w := &queueWatch{t: t, s: s, q: q, assessment: assessment}
	t.proc.Note(fmt.Sprintf("Watching the head of %s queue %s in vhost %s; Ctrl-C ends.", q.Type, q.Name, t.vhost))
	return &tailSource{take: w.take, stats: w.stats, stop: func() {}, wants: tail.ParseKeys(t.patterns).Want,
		waited: true}, nil
}

// mayWatch refuses to watch a queue that repeated browsing would harm.
func mayWatch(l browse.Assessment) error {
	advice := "to see it once: msgctl dlq inspect " + shell.Quote(l.Queue) +
		"; to see what is published: msgctl tail --exchange NAME"
	if l.Refused != "" {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q: %w: %s", l.Queue, browse.ErrUnsafe,
			l.Refused),
			Advice: advice}
	}
	for _, n := range l.Notes {
		if n.Effect == browse.EffectCounted || l.Room != nil {
			return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
				Err: fmt.Errorf("queue %q: %w repeatedly: each time counts towards the delivery limit of its messages", l.Queue,
					browse.ErrUnsafe), Advice: advice}
		}
	}
	return nil
}

// queueWatch watches the head of a queue. take must be called from one goroutine.
type queueWatch struct {
	t          *tailing
	s          *vhost.VHost
	q          *topology.Queue
	assessment browse.Assessment
	head       tail.Head
	browsed    bool
	seen       atomic.Int64
	bytes      atomic.Int64
}

func (w *queueWatch) stats() tail.Stats {
	return tail.Stats{Seen: w.seen.Load(), Bytes: w.bytes.Load()}
}

// take browses until there is something new.
func (w *queueWatch) take(ctx context.Context, into []tail.Item) ([]tail.Item, error) {
	items := into[:0]
	for {
		if w.browsed {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(w.t.every):
			}
		}
		w.browsed = true
		w.head.Begin()
		looking, done := finishing(ctx)
		_, err := w.s.Browse(looking, w.q, w.assessment, w.t.head, func(m *message.Message) error {
			if w.head.New(m) {
				w.seen.Add(1)
				w.bytes.Add(int64(m.Size()))
				items = append(items, tail.Item{Message: *m, At: time.Now()})
			}
			return nil
		})
		done()
		switch {
		case err == nil && len(items) > 0:
			return items, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, err
		}
	}
}

// finishing returns a context that ends with ctx, but not when the idle time is over: a look that has
// begun is finished, and what it found is shown.
func finishing(ctx context.Context) (looking context.Context, done func()) {
	looking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, guarded.Func(func() {
		if !errors.Is(context.Cause(ctx), errQuiet) {
			cancel()
		}
	}))
	return looking, func() { stop(); cancel() }
}
