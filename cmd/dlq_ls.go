package cmd

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/view"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

const dlqListLong = `List every queue that dead letters reach, found by queue arguments, effective policies and bindings, through exchanges and
alternate exchanges, and error queues of frameworks by their names. Queues whose dead letters reach nothing are listed
below: they are losing messages now.

The age is that of the oldest message. To tell it, msgctl looks at the first message of each queue where that does no more
than set its redelivered flag: not where consumers are at work, nor where a look counts as a delivery. --no-age looks at none.`

type dlqListOptions struct {
	deps       *deps
	connection *profile.Flags
	output     outputFormat
	match      string
	watch      bool
	interval   time.Duration
	noAge      bool
}

func newDLQListCmd(d *deps) *cobra.Command {
	opts := &dlqListOptions{deps: d}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List dead-letter queues, and queues that lose their dead letters",
		Long:    dlqListLong,
		Example: "  msgctl dlq ls\n  msgctl dlq ls --watch\n  msgctl dlq ls --match 'failed$' -o json",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDLQList(cmd.Context(), opts) },
	}
	opts.output.register(cmd, "table", "json", "ndjson", "yaml")
	flags := cmd.Flags()
	flags.StringVar(&opts.match, "match", "", "also list queues whose name matches a regular expression")
	flags.BoolVarP(&opts.watch, "watch", "w", false, "look again and again, and tell how each queue grows")
	flags.DurationVar(&opts.interval, "interval", 2*time.Second, "pause between two looks of --watch")
	flags.BoolVar(&opts.noAge, "no-age", false, "look into no queue: the age of the oldest message is not told")
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runDLQList(ctx context.Context, opts *dlqListOptions) error {
	match, err := compileMatch(opts.match)
	if err != nil {
		return err
	}
	if opts.interval < 200*time.Millisecond {
		return usageError("write, for example: --interval 2s", "dlq ls: flag --interval: %s is too short: it must be 200ms or more", opts.interval)
	}
	s, err := opts.deps.dlqSession(ctx, "dlq ls", opts.connection, match)
	if err != nil {
		return err
	}
	defer s.close()
	w := &dlqWatch{dlqListOptions: opts, s: s, ages: map[string]agedAt{}}
	if !opts.watch {
		return w.look(ctx)
	}
	return w.watch(ctx)
}

func compileMatch(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	match, err := regexp.Compile(text)
	if err != nil {
		return nil, usageError("write, for example: --match 'failed$'", "dlq ls: flag --match: %q is no regular expression: %v", text, err)
	}
	return match, nil
}

// dlqWatch looks once, or again and again.
type dlqWatch struct {
	*dlqListOptions
	s      *dlqSession
	growth dlq.Growth

	mu   sync.Mutex
	ages map[string]agedAt
}

// agedAt is when the oldest message of a queue died, and when that was found out.
type agedAt struct {
	died, looked time.Time
	unknown      string
}

const (
	// rereadEvery is how long --watch relies on what it read of exchanges, bindings and policies.
	rereadEvery = 30 * time.Second
	// agesEvery is how long it relies on the age of a queue's oldest message.
	agesEvery = time.Minute
	// looksAtOnce bounds the connections that look for ages.
	looksAtOnce = 4
)

func (w *dlqWatch) watch(ctx context.Context) error {
	read := time.Now()
	for {
		if err := w.look(ctx); err != nil {
			return endOfWatch(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.interval):
		}
		var err error
		if time.Since(read) > rereadEvery {
			err, read = w.s.read(ctx), time.Now()
		} else {
			err = w.s.count(ctx)
		}
		if err != nil {
			return endOfWatch(ctx, err)
		}
	}
}

// endOfWatch makes Ctrl-C the ordinary end of a watch.
func endOfWatch(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func (w *dlqWatch) look(ctx context.Context) error {
	doc, err := w.document(ctx)
	if err != nil {
		return err
	}
	streams := w.deps.streams
	switch w.output.value {
	case "json", "yaml":
		_, err := w.output.encode(streams.Out, doc)
		return err
	case "ndjson":
		for _, q := range doc.Queues {
			if err := view.JSONLine(streams.Out, q); err != nil {
				return err
			}
		}
		return nil
	}
	if w.watchedInPlace() {
		fmt.Fprint(streams.Out, "\x1b[H\x1b[2J")
		fmt.Fprintf(streams.Out, "vhost %s, every %s, %s\n\n", clean(doc.VHost), w.interval, doc.At.Local().Format(time.TimeOnly))
	} else if w.dlqListOptions.watch {
		fmt.Fprintf(streams.Out, "%s\n", doc.At.Format(time.RFC3339))
	}
	return view.DLQList(streams.Out, doc, streams.OutStyler(w.deps.colour), streams.OutWidth())
}

func (w *dlqWatch) watchedInPlace() bool { return w.dlqListOptions.watch && w.deps.streams.OutTTY }

func (w *dlqWatch) document(ctx context.Context) (view.DLQListDocument, error) {
	now := time.Now()
	s := w.s
	doc := view.DLQListDocument{
		FormatVersion: view.DLQFormatVersion, VHost: s.vhost, At: now.UTC(), Queues: []view.DLQDocument{}, Losing: []view.LosingDocument{}, Unsure: s.found.Unsure,
	}
	changes := w.growth.Note(s.found, now)
	looks := make([]dlq.Looking, len(s.found.Queues))
	for i, q := range s.found.Queues {
		d := view.NewDLQDocument(q)
		n := s.counts[q.Name]
		d.Ready, d.Unacked, d.Consumers, d.Known = n.Ready, n.Unacked, n.Consumers, n.Known
		if c := changes[q.Ref()]; c.Known {
			perMinute := c.PerMinute()
			d.Growth = &perMinute
		}
		o, ok := s.live.Get(q.Ref())
		if !ok {
			continue
		}
		l, err := s.judge(ctx, o.(*topology.Queue), lookOptions{}, 0)
		if err != nil {
			return doc, err
		}
		looks[i], d.Looking = l, view.NewLookingDocument(l)
		doc.Queues = append(doc.Queues, d)
	}
	if err := w.readAges(ctx, looks, now); err != nil {
		return doc, err
	}
	for i := range doc.Queues {
		w.setAge(&doc.Queues[i], now)
	}
	for _, l := range s.found.Losing {
		doc.Losing = append(doc.Losing, view.NewLosingDocument(l))
	}
	return doc, nil
}

// readAges looks at the first message of every queue where that is as good as harmless.
func (w *dlqWatch) readAges(ctx context.Context, looks []dlq.Looking, now time.Time) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(looksAtOnce)
	for _, l := range looks {
		n := w.s.counts[l.Queue]
		if w.noAge || n.Known && n.Ready == 0 || l.Queue == "" {
			continue
		}
		if before, ok := w.ages[l.Queue]; ok && now.Sub(before.looked) < agesEvery {
			continue
		}
		if why := notForAnAge(l); why != "" {
			w.aged(l.Queue, agedAt{unknown: why, looked: now})
			continue
		}
		g.Go(func() error { return w.readAge(gctx, l, now) })
	}
	return g.Wait()
}

// notForAnAge says why a queue is not looked into only to tell an age.
func notForAnAge(l dlq.Looking) string {
	if l.Refused != "" {
		return l.Refused
	}
	for _, n := range l.Notes {
		switch n.Effect {
		case dlq.EffectCounted, dlq.EffectShared, dlq.EffectReordered, dlq.EffectDelayed, dlq.EffectLost, dlq.EffectOverflow:
			return n.Text
		}
	}
	return ""
}

func (w *dlqWatch) readAge(ctx context.Context, l dlq.Looking, now time.Time) error {
	at := agedAt{looked: now, unknown: "its first message says nothing of when it died"}
	o := dlq.BrowseOptions{Looking: l, Limit: 1, Idle: 500 * time.Millisecond}
	if l.Return != dlq.ReturnNothing {
		o.Expect = 1
	}
	_, err := dlq.Browse(ctx, w.s.broker.Source(w.s.vhost), o, func(m *message.Message) error {
		if at.died = m.DiedAt(); !at.died.IsZero() {
			at.unknown = ""
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		at.unknown = err.Error() // a queue that cannot be read hides no other
	}
	w.aged(l.Queue, at)
	return nil
}

func (w *dlqWatch) aged(queue string, at agedAt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ages[queue] = at
}

func (w *dlqWatch) setAge(d *view.DLQDocument, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.ages[d.Name]
	if d.Known && d.Ready == 0 {
		delete(w.ages, d.Name)
		return
	}
	d.OldestUnknown = at.unknown
	if !at.died.IsZero() {
		d.OldestMS = max(0, now.Sub(at.died).Milliseconds())
	}
}
