package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// replaying is one replay or move of a queue.
type replaying struct {
	*replayOptions
	v          *connectedVHost
	q          *topology.Queue
	assessment browse.Assessment
	ready      int64
	chosen     *selected
	options    replay.Options
}

func (o *replayOptions) one(ctx context.Context, v *connectedVHost, name string) error {
	q, err := v.lookup(name)
	if err != nil {
		return err
	}
	l, err := v.assess(ctx, q, o.browsing, 0)
	if err != nil {
		return err
	}
	chosen, err := o.selection.compile(v.IsWait())
	if err != nil {
		return err
	}
	r := &replaying{replayOptions: o, v: v, q: q, assessment: l, chosen: chosen}
	if r.ready, err = v.Ready(ctx, name); err != nil {
		return err
	}
	r.options = r.engineOptions(ctx)
	defer chosen.warn(o.common.Deps)
	if q.Type == topology.Stream && !o.copyOnly {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q: %w: only copies can be sent", name,
			replay.ErrStream),
			Advice: "msgctl " + o.command() + " " + shell.Quote(name) + " --copy" + flagsGiven(o.common.Cmd)}
	}
	if r.ready == 0 && q.Type != topology.Stream {
		doc := deadletters.NewRunDocument(r.action(), replay.Result{Queue: name}, 0)
		doc.VHost, doc.DryRun, doc.HeldByOthers = v.Name, o.dryRun, v.heldByOthers(q)
		return o.common.End(doc, nil)
	}
	if o.dryRun {
		return r.dry(ctx)
	}
	return r.do(ctx)
}

func (o *replayOptions) action() string {
	switch {
	case o.copyOnly:
		return "copy"
	case o.move:
		return "move"
	}
	return "replay"
}

func (r *replaying) engineOptions(ctx context.Context) replay.Options {
	o := replay.Options{
		From:   r.v.From(ctx, r.q, r.assessment, r.ready),
		Dialer: r.v.broker.Dialer(r.v.Name), To: r.destination, Select: r.chosen.Selection,
		IsWait: r.v.IsWait(), Exists: r.v.Exists, HasExchange: r.v.HasExchange, Identity: r.v.Identity(),
		ID: replay.NewRunID(), MaxReplays: r.maxReplays,
		RestoreTTL: r.restoreTTL, Transform: r.transform, CheckChanged: r.checkEvents, Limit: r.selection.limit,
		Rate: r.rate, Copy: r.copyOnly,
		Ramp: replay.Ramp{Stages: r.ramp, Settle: r.settle, AbortIfReturned: float64(r.abort)},
	}
	o.Prefetch = r.prefetch
	if !r.browsing.force {
		o.Room = r.v.Room(ctx)
	}
	if o.MaxReplays == 0 {
		o.MaxReplays = -1
	}
	return o
}

// dryRunResult browses every message and decides as the replay would.
func (r *replaying) dryRunResult(ctx context.Context) (replay.DryRunResult, error) {
	dry := replay.NewDryRun(r.options)
	if r.move {
		dry = replay.NewMoveDryRun(r.options)
	}
	_, err := r.v.Browse(ctx, r.q, r.assessment, 0, func(m *message.Message) error {
		dry.Add(ctx, m)
		return nil
	})
	return dry.Result(), err
}

func (r *replaying) dry(ctx context.Context) error {
	cmdmsg.NoteBrowsing(r.v.proc, r.q, r.assessment, "Browsing")
	start := time.Now()
	result, err := r.dryRunResult(ctx)
	if err != nil {
		return err
	}
	if err := r.diffs(ctx); err != nil {
		return err
	}
	doc := deadletters.NewDryRunDocument(r.action(), r.q.Name, result, time.Since(start))
	doc.HeldByOthers = r.v.heldByOthers(r.q)
	r.v.addReaches(ctx, &doc)
	return r.common.End(doc, nil)
}

// do shows the previews, asks for confirmation, and replays.
func (r *replaying) do(ctx context.Context) error {
	cmdmsg.NoteBrowsing(r.v.proc, r.q, r.selection.reordering(r.q, r.assessment), "Consuming from")
	if err := r.before(ctx); err != nil {
		return err
	}
	question := fmt.Sprintf("%s %s from %s %s?", map[string]string{"replay": "Replay", "move": "Move",
		"copy": "Copy"}[r.action()],
		r.howMany(), r.q.Name, inWords(r.destination))
	if err := r.common.Ask(ctx, question); err != nil {
		return err
	}
	recorder, closeReport, err := r.common.Recorder()
	if err != nil {
		return err
	}
	observer := cmdmsg.NewRunObserver(r.common.Deps, r.common.Progress, r.action(), r.total())
	r.options.Report, r.options.Observer = recorder, observer
	traces := cmdmsg.NewTracing(r.common.Deps, r.v.connection, nil)
	defer func() { cmdmsg.EndTracing(r.common.Deps, traces) }()
	r.options.Sending = cmdmsg.CopySpans(traces)
	start := time.Now()
	var result replay.Result
	err = r.v.WithOverride(ctx, r.q, r.assessment, func() (err error) {
		result, err = r.send(ctx, r.options)
		return err
	})
	observer.End()
	err = errors.Join(err, closeReport())
	doc := deadletters.NewRunDocument(r.action(), result, time.Since(start))
	doc.Queue, doc.VHost, doc.File = r.q.Name, r.v.Name, ""
	doc.HeldByOthers, doc.Reorders = r.v.heldByOthers(r.q), mayReorder(r.q)
	return r.common.End(doc, err)
}

func (r *replaying) total() int64 {
	if r.q.Type == topology.Stream {
		return 0
	}
	if r.selection.limit > 0 && !r.selection.any() {
		return min(r.selection.limit, r.ready)
	}
	return r.ready
}

func (r *replaying) howMany() string {
	n := terminal.FormatPlural(r.ready, "message", "messages")
	switch {
	case r.q.Type == topology.Stream:
		n = "the messages"
	case r.selection.limit > 0 && r.selection.limit < r.ready:
		n = fmt.Sprintf("at most %d of %s", r.selection.limit, n)
	}
	if r.selection.any() {
		n = "what matches of " + n
	}
	return n
}

// before shows which queues get copies when the target is an exchange, and what a jq program
// changes in the first messages.
func (r *replaying) before(ctx context.Context) error {
	d := r.destination
	switch {
	case d.Kind == replay.ToExchange && d.HasKey:
		// the number is not known yet
		doc := deadletters.RunDocument{Queue: r.q.Name,
			Targets: []deadletters.TargetDocument{{Exchange: d.Exchange, Key: d.Key}}}
		r.v.addReaches(ctx, &doc)
		streams := r.common.Deps.Streams
		err := deadletters.RunTargets(streams.Err, doc, streams.ErrStyler(r.common.Deps.Colour), streams.ErrWidth())
		if err != nil {
			return err
		}
	case d.Kind == replay.ToOrigin || d.Kind == replay.ToExchange:
		result, err := r.dryRunResult(ctx)
		if err != nil {
			return err
		}
		if err := r.copies(ctx, deadletters.NewDryRunDocument(r.action(), r.q.Name, result, 0)); err != nil {
			return err
		}
	}
	return r.diffs(ctx)
}

func (r *replaying) copies(ctx context.Context, doc deadletters.RunDocument) error {
	r.v.addReaches(ctx, &doc)
	streams := r.common.Deps.Streams
	return deadletters.RunText(streams.Err, doc, streams.ErrStyler(r.common.Deps.Colour), streams.ErrWidth())
}

const (
	// shownDiffs is how many changed messages are shown, out of the first lookedDiffs in the queue.
	shownDiffs   = 3
	browsedDiffs = 200
)

// diffs shows what the jq program changes in the first messages.
func (r *replaying) diffs(ctx context.Context) error {
	if r.transform == nil {
		return nil
	}
	streams := r.common.Deps.Streams
	plain := r.options
	plain.Transform, plain.CheckChanged = nil, nil
	before, after, shown := replay.NewDryRun(plain), replay.NewDryRun(r.options), 0
	if r.move {
		before, after = replay.NewMoveDryRun(plain), replay.NewMoveDryRun(r.options)
	}
	_, err := r.v.Browse(ctx, r.q, r.assessment, browsedDiffs, func(m *message.Message) error {
		was, is := before.Add(ctx, m), after.Add(ctx, m)
		if was == nil || is == nil {
			return nil
		}
		if shown++; shown > shownDiffs {
			return browse.ErrStop
		}
		return messages.Diff(streams.Err, was, is, streams.ErrStyler(r.common.Deps.Colour))
	})
	return err
}
