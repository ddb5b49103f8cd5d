package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/filter"
	"github.com/msgctl/msgctl/pkg/topology"
)

const purgeLong = `Destroy messages: all that are ready, or those selected by --where,
--older-than, --id or --limit. The command first shows how many there are, how
old they are and how they died, and asks for confirmation; pass --yes where
there is no terminal. On a protected context, type the queue's name or pass
--yes=QUEUE.

--archive FILE durably writes every message to an archive before it is
destroyed; dlq import restores it. Without a selection, --archive or --report,
the broker's own purge is used, which also destroys messages that arrive before
it runs.`

type purgeOptions struct {
	purge      purgeFunc
	open       OpenBroker
	common     cmdmsg.RunFlags
	connection *profile.Flags
	selection  selectOptions
	browsing   browseOptions
	queue      string
	archive    string
	dryRun     bool
}

func newPurgeCmd(d *cmdutil.Process, open OpenBroker, purge purgeFunc) *cobra.Command {
	opts := &purgeOptions{open: open, purge: purge, common: cmdmsg.RunFlags{Deps: d}}
	cmd := &cobra.Command{
		Use:   "purge QUEUE",
		Short: "Destroy all or selected messages, optionally into an archive",
		Long:  purgeLong,
		Example: "  msgctl dlq purge orders.dlq --older-than 30d --archive orders.ndjson.zst\n  msgctl dlq purge " +
			"orders.dlq --where 'headers.tenant == \"test\"' --yes\n  msgctl dlq purge orders.dlq",
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue = names[0]
			return runPurge(cmd.Context(), opts)
		},
	}
	opts.common.Register(cmd)
	cmd.Flags().Lookup("yes").Usage = "do not ask for confirmation; on a protected context: --yes=QUEUE"
	opts.selection.register(cmd)
	opts.selection.registerLimit(cmd, "destroy")
	opts.browsing.register(cmd)
	cmd.Flags().StringVar(&opts.archive, "archive", "",
		"first write every message durably to this new `FILE`; .gz and .zst are compressed")
	cmd.Flags().BoolVar(&opts.dryRun, "dry-run", false, "destroy nothing; show what would be destroyed")
	cmdutil.MarkNewFile(cmd, "archive")
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func runPurge(ctx context.Context, opts *purgeOptions) error {
	if err := opts.selection.check(opts.common.Cmd); err != nil {
		return err
	}
	v, err := openVHost(ctx, opts.common.Deps, opts.open, "dlq purge", opts.connection)
	if err != nil {
		return err
	}
	defer v.close()
	v.given = flagsGiven(opts.common.Cmd)
	q, err := v.lookup(opts.queue)
	if err != nil {
		return err
	}
	if q.Type == topology.Stream {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err: fmt.Errorf("queue %q: %w: the broker deletes old messages by max-age and max-length-bytes", q.Name,
				replay.ErrStream)}
	}
	if err := opts.checkYes(v, q); err != nil {
		return err
	}
	chosen, err := v.pick(q, &opts.selection, opts.selection.limit)
	if err != nil {
		return err
	}
	p := &purging{purgeOptions: opts, picker: chosen}
	if p.ready, err = v.Ready(ctx, q.Name); err != nil {
		return err
	}
	defer p.chosen.warn(opts.common.Deps)
	return p.run(ctx)
}

// checkYes refuses a wrong --yes before anything is read.
func (o *purgeOptions) checkYes(v *connectedVHost, q *topology.Queue) error {
	protected := v.connection.Protected()
	switch {
	case o.common.Yes == "" || o.common.Yes == q.Name || o.common.Yes == cmdutil.PlainYes && !protected:
		return nil
	case protected:
		return cmdutil.UsageError("--yes="+shell.Quote(q.Name),
			"%s: to destroy messages, --yes must name queue %q", v.connection.Protection(), q.Name)
	}
	return cmdutil.UsageError("--yes alone, or --yes="+shell.Quote(q.Name), "--yes=%s does not name the queue %q",
		o.common.Yes, q.Name)
}

// purging is one purge of a queue.
type purging struct {
	*purgeOptions
	*picker
	ready   int64
	options replay.PurgeOptions
}

func (p *purging) run(ctx context.Context) error {
	if p.ready == 0 {
		doc := deadletters.NewRunDocument("purge", replay.Result{Queue: p.q.Name}, 0)
		doc.VHost, doc.DryRun, doc.HeldByOthers = p.v.Name, p.dryRun, p.v.heldByOthers(p.q)
		return p.common.End(doc, nil)
	}
	l, err := p.v.Judge(ctx, p.q, p.browsing.assess(0))
	if err != nil {
		return err
	}
	p.assessment = l
	p.options = replay.PurgeOptions{From: p.v.From(ctx, p.q, l, p.ready), Select: p.chosen.Selection,
		Limit: p.selection.limit, Purger: purger{p.v.broker, p.v.Name}, ID: replay.NewRunID()}
	// Taking messages one at a time can harm those that stay; the broker's own purge leaves none.
	if !p.atOnce() && l.Refused != "" {
		return p.v.adviseRefused(&vhost.RefusedError{Assessment: l})
	}
	if p.dryRun {
		return p.partly(p.dry(ctx))
	}
	meant, err := p.preview(ctx)
	if err != nil {
		return err
	}
	if meant == 0 {
		doc := deadletters.NewRunDocument("purge", replay.Result{Queue: p.q.Name, Stayed: p.unread.Stayed()}, 0)
		doc.VHost, doc.Skipped = p.v.Name, max(p.ready-doc.Stays(), 0)
		return p.common.End(doc, nil)
	}
	if err := p.confirm(ctx, meant); err != nil {
		return err
	}
	return p.destroy(ctx)
}

// atOnce reports whether the broker's own purge can be used.
func (p *purging) atOnce() bool {
	return !p.selection.any() && p.selection.limit == 0 && p.archive == "" && p.common.Report == ""
}

// preview shows how many messages are selected, their age and their kinds, and returns how many.
// With --yes and without a selection it is skipped, since nobody would read it.
func (p *purging) preview(ctx context.Context) (int64, error) {
	if p.assessment.Refused != "" {
		p.common.Deps.Warn("the queue's content is not shown: " + p.assessment.Refused)
		return p.ready, nil
	}
	if p.common.Yes != "" {
		if !p.atOnce() {
			cmdmsg.NoteBrowsing(p.v.proc, p.q, p.selection.reordering(p.q, p.assessment), "Consuming from")
		}
		return p.ready, nil
	}
	doc, err := p.groups(ctx)
	if err != nil || doc.Matched == 0 {
		return 0, err
	}
	p.warnStays()
	return doc.Matched, p.showGroups(doc)
}

// dry shows what would be destroyed. If browsing could do harm, it shows only how many.
func (p *purging) dry(ctx context.Context) error {
	if p.assessment.Refused != "" {
		p.common.Deps.Warn("the queue's content is not shown: " + p.assessment.Refused)
		doc := deadletters.NewRunDocument("purge", replay.Result{Queue: p.q.Name, Done: p.ready}, 0)
		doc.VHost, doc.DryRun = p.v.Name, true
		return p.common.Show(doc)
	}
	doc, err := p.groups(ctx)
	if err != nil {
		return err
	}
	p.warnStays()
	streams := p.common.Deps.Streams
	if done, err := p.common.Output.Encode(streams.Out, doc); done {
		return err
	}
	heading := "Would destroy from " + p.q.Name + ":"
	if err := render.Paragraph(streams.Out, heading, streams.OutWidth(), render.Plain); err != nil {
		return err
	}
	if streams.OutTTY {
		return deadletters.GroupList(streams.Out, doc, p.now, streams.OutStyler(p.common.Deps.Colour), streams.OutWidth())
	}
	return deadletters.GroupTable(streams.Out, doc, streams.OutStyler(p.common.Deps.Colour), 0)
}

// groups browses the selected messages and counts them by kind.
func (p *purging) groups(ctx context.Context) (doc deadletters.GroupsDocument, err error) {
	cmdmsg.NoteBrowsing(p.v.proc, p.q, p.assessment, "Browsing")
	p.v.tellHeld(p.q)
	key, err := filter.CompileKey("reason,queue", filter.Options{IsWaitQueue: p.v.IsWait()})
	if err != nil {
		return doc, err
	}
	grouper := browse.NewGrouper(key, 0)
	p.whole = !p.atOnce()
	report, err := p.each(ctx, func(m *message.Message) error {
		grouper.Add(m)
		return nil
	}, nil)
	if err != nil {
		return doc, err
	}
	doc = deadletters.NewGroupsDocument(grouper.Groups())
	doc.VHost, doc.Queue, doc.Type, doc.Browsed = p.v.Name, p.q.Name, p.q.Type, report.Seen
	return doc, nil
}

// warnStays says which messages stay because they were not read.
func (p *purging) warnStays() {
	for _, left := range p.unread.Stayed() {
		p.common.Deps.Warn(fmt.Sprintf("%s would stay: %s: %s",
			terminal.FormatPlural(left.Messages, "message", "messages"), left.Reason, left.Example))
	}
}

func (p *purging) showGroups(doc deadletters.GroupsDocument) error {
	streams := p.common.Deps.Streams
	if streams.ErrTTY {
		return deadletters.GroupList(streams.Err, doc, p.now, streams.ErrStyler(p.common.Deps.Colour), streams.ErrWidth())
	}
	return deadletters.GroupTable(streams.Err, doc, streams.ErrStyler(p.common.Deps.Colour), 0)
}

func (p *purging) confirm(ctx context.Context, meant int64) error {
	n := terminal.FormatPlural(meant, "message", "messages")
	how := "permanently"
	switch {
	case p.archive != "":
		how = "after archiving them in " + p.archive
	case p.atOnce():
		how = "permanently, with the broker's own purge, which also destroys messages that arrive before it runs"
	}
	if p.common.Yes != "" {
		if p.atOnce() {
			p.common.Deps.Say("The broker's own purge destroys all ready messages of %s, currently %s.", p.q.Name, n)
		}
		return nil
	}
	question := terminal.Neutralise(fmt.Sprintf("Destroy %s of %s %s?", n, p.q.Name, how))
	if p.v.connection.Protected() {
		question = terminal.Neutralise(fmt.Sprintf("This destroys %s of %s %s, and %s:", n, p.q.Name, how,
			p.v.connection.Protection()))
		ok, err := p.common.Deps.Streams.ConfirmName(ctx, question, p.q.Name, "--yes="+shell.Quote(p.q.Name))
		if err != nil {
			return err
		}
		return cmdutil.Declined(ok)
	}
	ok, err := p.common.Deps.Streams.Confirm(ctx, question, "--yes")
	if err != nil {
		return err
	}
	return cmdutil.Declined(ok)
}

func (p *purging) destroy(ctx context.Context) error {
	recorder, closeReport, err := p.common.Recorder()
	if err != nil {
		return err
	}
	closeArchive := func() error { return nil }
	if p.archive != "" {
		w, err := cmdmsg.CreateArchive(p.archive)
		if err != nil {
			return errors.Join(err, closeReport())
		}
		p.options.Archive, closeArchive = w, w.Close
	}
	observer := cmdmsg.NewRunObserver(p.common.Deps, p.common.Progress, "purge", p.ready)
	p.options.Report, p.options.Observer = recorder, observer
	start := time.Now()
	var result replay.Result
	run := func() (err error) {
		result, err = p.purge(ctx, p.options)
		return err
	}
	if p.options.AtOnce() {
		err = run()
	} else {
		err = p.v.WithOverride(ctx, p.q, p.assessment, run)
	}
	observer.End()
	err = errors.Join(err, closeArchive(), closeReport())
	doc := deadletters.NewRunDocument("purge", result, time.Since(start))
	doc.Queue, doc.VHost, doc.File = p.q.Name, p.v.Name, p.archive
	doc.HeldByOthers, doc.Reorders = p.v.heldByOthers(p.q), mayReorder(p.q)
	return p.common.End(doc, err)
}
