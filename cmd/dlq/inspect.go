package dlq

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

const inspectLong = `Show the messages of a queue without consuming them. A stream is read by offset;
in other queues the messages are fetched, held and requeued in their order. When
requeuing does more than set the redelivered flag, the command says so first,
and it refuses where a message could be dropped or dead-lettered: a quorum queue
whose delivery limit leaves no room needs --guard, which lifts the limit with a
temporary policy, or --force.

The output is a table. With --id, --full or -n 1 it shows each message in full:
how it died, the error that a framework recorded, its properties, headers and
body (decompressed and indented).

--where EXPR selects messages. An expression may use reason, queue, exchange and
routingKey (of the first death), age, day, deaths, deathCount, headers,
properties, body, text, error, id, size and replays. The JSON output has the
same names.

--group-by counts messages instead of listing them, by reason, queue, exchange,
routing-key, type, error, day or expressions, separated by commas. Its memory
use does not grow with the number of messages.`

type inspectOptions struct {
	open       OpenBroker
	proc       *cmdutil.Process
	cmd        *cobra.Command
	connection *profile.Flags
	selection  selectOptions
	browsing   browseOptions
	output     cmdutil.OutputFlag
	progress   terminal.ProgressMode
	queue      string
	groupBy    string
	count      int64
	full       bool
	jq         string
	program    *cmdmsg.JQ
}

// defaultShown is how many messages inspect shows by default.
const defaultShown = 20

func newInspectCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &inspectOptions{open: open, proc: d, progress: terminal.ProgressAuto}
	cmd := &cobra.Command{
		Use:   "inspect QUEUE",
		Short: "Show messages without consuming them",
		Long:  inspectLong,
		Example: `  msgctl dlq inspect orders.dlq
  msgctl dlq inspect orders.dlq --group-by reason,queue
  msgctl dlq inspect orders.dlq --group-by 'headers.tenant,error' --where 'age < duration("24h")'
  msgctl dlq inspect orders.dlq --id 4711 --full
  msgctl dlq inspect orders.dlq --where 'body.total > 100' -n 0 --jq '.body.orderId'`,
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue, opts.cmd = names[0], cmd
			return runInspect(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.groupBy, "group-by", "g", "",
		"count by `KEYS`: reason, queue, exchange, routing-key, type, error, day or expressions, separated by commas")
	opts.selection.register(cmd)
	flags.Int64VarP(&opts.count, "limit", "n", defaultShown,
		"number of messages to show; 0 is all, the default of --group-by")
	flags.BoolVar(&opts.full, "full", false, "show each message in full, with its whole body")
	opts.output.Register(cmd, "table", "json", "ndjson", "yaml")
	flags.StringVar(&opts.jq, "jq", "", "run a jq `PROGRAM` on each message or group, in the form of -o ndjson")
	opts.browsing.register(cmd)
	flags.Var(&opts.progress, "progress", "progress of --group-by on stderr: auto (a bar on a terminal), json or none")
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func (o *inspectOptions) check() (err error) {
	if o.count < 0 {
		return cmdutil.UsageError("-n 0 shows all", "dlq inspect: flag --limit: %d is negative", o.count)
	}
	if o.groupBy != "" && !o.cmd.Flags().Changed("limit") {
		o.count = 0
	}
	if err := o.selection.check(o.cmd); err != nil {
		return err
	}
	if o.groupBy != "" {
		if _, err := filter.CompileKey(o.groupBy, filter.Options{}); err != nil {
			return cmdmsg.ExpressionError(o.cmd, "--group-by", err)
		}
	}
	o.program, err = cmdmsg.CompileJQ(o.cmd, o.jq)
	return err
}

func runInspect(ctx context.Context, opts *inspectOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	v, err := openVHost(ctx, opts.proc, opts.open, "dlq inspect", opts.connection)
	if err != nil {
		return err
	}
	defer v.close()
	v.given = flagsGiven(opts.cmd)
	q, err := v.lookup(opts.queue)
	if err != nil {
		return err
	}
	p, err := v.pick(q, &opts.selection, opts.count)
	if err != nil {
		return err
	}
	if err := p.allowed(ctx, opts.browsing); err != nil {
		return err
	}
	cmdmsg.NoteBrowsing(v.proc, q, p.assessment, "Browsing")
	v.tellHeld(q)
	i := &inspection{inspectOptions: opts, picker: p}
	defer p.chosen.warn(opts.proc)
	if opts.groupBy != "" {
		return p.partly(i.groups(ctx))
	}
	return p.partly(i.messages(ctx))
}

// inspection is one run of inspect.
type inspection struct {
	*inspectOptions
	*picker
}

func (i *inspection) groups(ctx context.Context) error {
	key, err := filter.CompileKey(i.groupBy, filter.Options{IsWaitQueue: i.v.IsWait()})
	if err != nil {
		return err
	}
	grouper := browse.NewGrouper(key, 0)
	progress := i.proc.Streams.Progress(i.progress)
	progress.Begin("count", "messages", i.v.Counts[i.q.Name].Ready)
	report, err := i.each(ctx, func(m *message.Message) error {
		grouper.Add(m)
		if i.matched%256 == 0 {
			progress.Add(256)
		}
		return nil
	}, nil)
	progress.End()
	if err != nil && (ctx.Err() == nil || report.Seen == 0) {
		return err
	}
	doc := deadletters.NewGroupsDocument(grouper.Groups())
	doc.VHost, doc.Queue, doc.Type, doc.Browsed = i.v.Name, i.q.Name, i.q.Type, report.Seen
	if err := i.showGroups(ctx, doc); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	}
	return nil
}

func (i *inspection) showGroups(ctx context.Context, doc deadletters.GroupsDocument) error {
	streams := i.proc.Streams
	if i.program != nil || i.output.Value == "ndjson" {
		for _, g := range doc.Groups {
			if err := i.line(ctx, g); err != nil {
				return err
			}
		}
		return nil
	}
	if done, err := i.output.Encode(streams.Out, doc); done {
		return err
	}
	if streams.OutTTY {
		return deadletters.GroupList(streams.Out, doc, i.now, streams.OutStyler(i.proc.Colour), streams.OutWidth())
	}
	return deadletters.GroupTable(streams.Out, doc, streams.OutStyler(i.proc.Colour), streams.OutWidth())
}

// line writes one document through --jq, or as a line of NDJSON.
func (i *inspection) line(ctx context.Context, doc any) error {
	if i.program != nil {
		return i.program.Write(ctx, i.proc.Streams.Out, doc, i.proc.Streams.OutTTY)
	}
	return render.JSONLine(i.proc.Streams.Out, doc)
}

// tableRows is the number of messages in one table. The next table repeats the headers, so that
// memory use is bounded.
const tableRows = 200

func (i *inspection) messages(ctx context.Context) error {
	lines := i.program != nil || i.output.Value == "ndjson"
	table := i.output.Value == "table" && !lines
	o := messages.Options{IsWait: i.v.IsWait(), Now: i.now, Full: i.full, ParseBody: !table, Brief: table && !i.cards()}
	stream := messages.NewStream(i.proc.Streams.Out, i.output.Value == "yaml", messages.ListDocument{
		FormatVersion: deadletters.FormatVersion, VHost: i.v.Name, Queue: i.q.Name, Type: i.q.Type,
	})
	var list []messages.MessageDocument
	report, err := i.each(ctx, func(m *message.Message) error {
		doc := messages.NewMessageDocument(m, o)
		switch {
		case lines:
			return i.line(ctx, doc)
		case !table:
			return stream.Add(doc)
		case i.cards():
			return i.card(doc)
		}
		if list = append(list, doc); len(list) < tableRows {
			return nil
		}
		err := i.table(list)
		list = list[:0]
		return err
	}, nil)
	switch {
	case err != nil || lines:
		return err
	case !table:
		return stream.End(report.Seen)
	}
	return i.finish(list, report)
}

// cards reports whether each message is shown in full as it arrives.
func (i *inspection) cards() bool {
	return i.output.Value == "table" && (i.full || i.count == 1 || len(i.selection.ids) > 0)
}

func (i *inspection) card(doc messages.MessageDocument) error {
	streams := i.proc.Streams
	if i.matched > 1 {
		fmt.Fprintln(streams.Out)
	}
	return messages.Details(streams.Out, doc, i.full, streams.OutStyler(i.proc.Colour), streams.OutWidth())
}

func (i *inspection) table(list []messages.MessageDocument) error {
	streams := i.proc.Streams
	return messages.Table(streams.Out, list, streams.OutStyler(i.proc.Colour), streams.OutWidth())
}

func (i *inspection) finish(list []messages.MessageDocument, report browse.Report) error {
	if len(list) > 0 {
		if err := i.table(list); err != nil {
			return err
		}
	}
	streams := i.proc.Streams
	return render.Paragraph(streams.Out, i.total(report), streams.OutWidth(), streams.OutStyler(i.proc.Colour).Bold)
}

func (i *inspection) total(report browse.Report) string {
	ready := i.v.Counts[i.q.Name].Ready
	switch {
	case report.Seen == 0 && report.Missing > 0:
		return fmt.Sprintf("None of the %s in %s came.", terminal.FormatPlural(report.Missing, "message", "messages"),
			terminal.Neutralise(i.q.Name))
	case report.Seen == 0:
		return "No message is ready in " + terminal.Neutralise(i.q.Name) + "."
	case i.matched == 0:
		return fmt.Sprintf("No match among %s.", terminal.FormatPlural(report.Seen, "message", "messages"))
	case i.selection.any() && i.count > 0 && i.matched >= i.count:
		return terminal.FormatPlural(i.matched, "matching message", "matching messages") + " shown; -n 0 shows all."
	case i.selection.any():
		verb := "match"
		if i.matched == 1 {
			verb = "matches"
		}
		return fmt.Sprintf("%s of %s %s.", terminal.FormatCount(i.matched),
			terminal.FormatPlural(report.Seen, "message", "messages"), verb)
	case ready > i.matched:
		return fmt.Sprintf("%s of %s messages; -n 0 shows all, --group-by reason,queue counts them.",
			terminal.FormatCount(i.matched), terminal.FormatCount(ready))
	}
	return terminal.FormatPlural(i.matched, "message", "messages") + "."
}
