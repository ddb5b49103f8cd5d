package dlq

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
)

const importLong = `Restore the messages of an archive exactly as they were, to the queues that they
were read from or to --to. The death history is restored too, so that the
messages can be inspected and replayed as before.

A queue that drops its oldest messages when it is full gets what it has room
for. A queue that may drop a message within a minute gets none (msgctl dlq
replay --help says when). The rest is not restored; --force restores all.

A truncated or damaged archive is restored as far as it is intact. The report
says where it is damaged, and the exit code is 3.`

type importOptions struct {
	restoreAll restoreFunc
	open       OpenBroker
	common     cmdmsg.RunFlags
	connection *profile.Flags
	selection  selectOptions
	file       string
	to         string
	rate       float64
	force      bool
}

func newImportCmd(d *cmdutil.Process, open OpenBroker, restoreAll restoreFunc) *cobra.Command {
	opts := &importOptions{open: open, restoreAll: restoreAll, common: cmdmsg.RunFlags{Deps: d}}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Restore the messages of an archive",
		Long:  importLong,
		Example: "  msgctl dlq import orders.ndjson.zst\n  msgctl dlq import orders.ndjson --to queue:orders.retry " +
			"--where 'reason == \"expired\"'\n  zcat orders.ndjson.gz | grep acme | msgctl dlq import -",
		Args: cmdutil.Args("FILE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.file = names[0]
			return runImport(cmd.Context(), opts)
		},
	}
	opts.common.Register(cmd)
	opts.selection.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.to, "to", "",
		"`DESTINATION`: queue:Q or exchange:X/KEY (default: the queue that each message was read from)")
	opts.selection.registerLimit(cmd, "restore")
	flags.Float64Var(&opts.rate, "rate", 0, "maximum messages per second; 0 is no limit")
	flags.BoolVar(&opts.force, "force", false, "also restore to queues that are full and would drop messages")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

// target parses --to; nil means the queue that each message was read from.
func (o *importOptions) target() (*publish.Target, replay.Destination, error) {
	to, err := parseTo(o.common.Cmd, o.to)
	switch {
	case err != nil || o.to == "":
		return nil, to, err
	case to.Kind == replay.ToQueue:
		return &publish.Target{Key: to.Queue}, to, nil
	case to.Kind == replay.ToExchange && to.HasKey:
		return &publish.Target{Exchange: to.Exchange, Key: to.Key}, to, nil
	case to.Kind == replay.ToExchange:
		return nil, to, cmdutil.UsageError("--to exchange:"+to.Exchange+"/KEY",
			"%sflag --to: an exchange needs a routing key here",
			cmdutil.Where(o.common.Cmd))
	}
	return nil, to, cmdutil.UsageError("msgctl dlq import FILE --to queue:NAME, and then msgctl dlq replay NAME --to "+
		"origin",
		"%sflag --to: messages are restored to a queue or an exchange", cmdutil.Where(o.common.Cmd))
}

func runImport(ctx context.Context, opts *importOptions) error {
	to, destination, err := opts.target()
	if err != nil {
		return err
	}
	if opts.rate < 0 {
		return cmdutil.UsageError("0 is no limit", "%sflag --rate: %g is negative", cmdutil.Where(opts.common.Cmd),
			opts.rate)
	}
	if err := opts.selection.check(opts.common.Cmd); err != nil {
		return err
	}
	r, err := cmdmsg.OpenArchive(opts.common.Deps, opts.file)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	messages, err := cmdmsg.CheckArchive(r, opts.file)
	if err != nil {
		return err
	}
	v, err := openVHost(ctx, opts.common.Deps, opts.open, "dlq import", opts.connection)
	if err != nil {
		return err
	}
	defer v.close()
	if err := v.CheckDestination(destination); err != nil {
		return cmdmsg.AdviseMissing(err)
	}
	chosen, err := opts.selection.compile(v.IsWait())
	if err != nil {
		return err
	}
	defer chosen.warn(opts.common.Deps)
	return opts.restore(ctx, v, messages, to, chosen)
}

func (o *importOptions) restore(ctx context.Context, v *connectedVHost, r replay.ArchiveSource, to *publish.Target,
	chosen *selected) error {
	question := "Restore the messages of " + o.file + " to the queues they were read from?"
	if to != nil {
		question = "Restore the messages of " + o.file + " to " + strings.ReplaceAll(to.String(), `"`, "") + "?"
	}
	if o.file != "-" {
		if err := o.common.Ask(ctx, question); err != nil {
			return err
		}
	}
	recorder, closeReport, err := o.common.Recorder()
	if err != nil {
		return err
	}
	var room replay.RoomOf
	if !o.force {
		room = v.Room(ctx)
	}
	observer := cmdmsg.NewRunObserver(o.common.Deps, o.common.Progress, "import", 0)
	traces := cmdmsg.NewTracing(o.common.Deps, v.connection, nil)
	defer func() { cmdmsg.EndTracing(o.common.Deps, traces) }()
	start := time.Now()
	result, err := o.restoreAll(ctx, replay.RestoreOptions{
		Archive: r, Dialer: v.broker.Dialer(v.Name), To: to, Room: room, Select: chosen.Selection,
		Identity: v.Identity(),
		Limit:    o.selection.limit, Rate: o.rate,
		Observer: observer, Report: recorder, Reconnect: v.Options.Reconnect, Sending: cmdmsg.CopySpans(traces),
	})
	observer.End()
	err = errors.Join(err, closeReport())
	doc := deadletters.NewRunDocument("import", result.Result, time.Since(start))
	v.addReaches(ctx, &doc)
	doc.File = o.file
	for _, b := range result.Broken {
		doc.Broken = append(doc.Broken,
			deadletters.BrokenDocument{Line: b.Line, Byte: b.Byte, Final: b.Final, Reason: b.Reason.Error()})
	}
	return o.common.End(doc, err)
}
