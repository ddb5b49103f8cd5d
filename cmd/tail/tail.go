// Package tail is the command tail: it shows messages as they pass and takes none away.
// pkg/consume/tail describes what each source can see and what it may drop.
package tail

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

const tailLong = `Show messages as they are published, without consuming them from anybody's
queue.

Exchanges are watched through a private queue that is bound to them. The broker
deletes it together with the connection, however msgctl ends. PATTERNs are topic
patterns for the routing key, one of which must match: 'order.#', '*.created'.
Without --exchange, the exchanges of the topology file are watched, or else all
of the vhost. The additional binding has one side effect: a mandatory message
that reaches no other queue is not returned to its publisher while tail runs.
Where a catch-all binding would do more (an alternate exchange) or match nothing
(a direct exchange), tail copies the bindings that exist at the start, and shows
only what they match.

--queue shows the first messages of a queue again and again, as dlq inspect
does, and refuses if browsing could do harm. --stream reads a stream; --from
selects the start, and since a time selects a whole chunk, some older messages
may come first. --firehose shows everything that is published and delivered in a
vhost whose tracing is on.

With a topology file that declares events, each event is validated against its
schema; --invalid shows only invalid ones. --follow ID shows every event with
that correlation id and the events that it caused, as a tree.

A slow terminal, pipe or network never slows the broker down. What does not fit
into bounded buffers is dropped, counted and reported; tail also reports when
the broker may have dropped an unknown number. --save does not wait for the
terminal. A lost connection is re-established, and the gap is reported.

Exit code 0: --limit or --idle-timeout ended it. 1: fewer than --limit messages
arrived before --idle-timeout. 2: --invalid found an event. 130: Ctrl-C.`

// tailOptions are the flags of tail.
type tailOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	cmd        *cobra.Command
	connection *profile.Flags
	files      cmdutil.FileFlag
	output     cmdutil.OutputFlag
	patterns   []string
	exchanges  []string
	queue      string
	stream     string
	from       streamFrom
	firehose   bool
	where      string
	jq         string
	limit      int64
	idle       time.Duration
	every      time.Duration
	head       int64
	invalid    bool
	full       bool
	follow     string
	save       string

	program *cmdmsg.JQ
}

// NewCmd is msgctl tail.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &tailOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "tail [PATTERN...]",
		Short:   "Show messages as they are published, without consuming them",
		Long:    tailLong,
		GroupID: cmdutil.GroupEvents,
		Example: `  msgctl tail 'order.#'
  msgctl tail --exchange orders.exchange --where 'body.payload.total > 100'
  msgctl tail --follow 0198c2f1-7b3a-7c55-9d8e-2f6a1b4c5d6e
  msgctl tail order.created --limit 1 --idle-timeout 30s -o ndjson | jq .body
  msgctl tail --stream audit --from 10m --save audit.ndjson.zst
  msgctl tail --queue orders.created.queue --full`,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			opts.patterns, opts.cmd = patterns, cmd
			return runTail(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&opts.exchanges, "exchange", "x", nil,
		"watch this `EXCHANGE`; may be repeated (default: those of the topology file, or all)")
	flags.StringVarP(&opts.queue, "queue", "q", "", "show the first messages of this `QUEUE` instead")
	flags.StringVar(&opts.stream, "stream", "", "read this `STREAM` instead")
	flags.Var(&opts.from, "from", "where to start in a stream: first, last (chunk), next, an offset, a time "+
		"(2026-01-31T12:00:00Z) or how long ago (10m)")
	flags.BoolVar(&opts.firehose, "firehose", false,
		"show everything that is published and delivered in the vhost; its tracing must be on")
	flags.StringVar(&opts.where, "where", "",
		"only messages that match this `EXPRESSION`, such as 'body.payload.totalAmount > 100'")
	flags.StringVar(&opts.follow, "follow", "",
		"only events with this correlation `ID` (or that of the event with this id), as a tree of causes")
	flags.BoolVar(&opts.invalid, "invalid", false, "only events that violate their schema")
	flags.Int64VarP(&opts.limit, "limit", "n", 0, "exit after this many messages; 0 is no limit")
	flags.DurationVar(&opts.idle, "idle-timeout", 0, "exit when there was nothing to show for this long; 0 never exits")
	flags.BoolVar(&opts.full, "full", false, "show each message in full, with an indented body")
	opts.output.Register(cmd, "text", "json", "ndjson", "none")
	flags.StringVar(&opts.jq, "jq", "", "run a jq `PROGRAM` on each message, in the form of -o ndjson")
	flags.StringVar(&opts.save, "save", "",
		"also write the shown messages to a new archive `FILE`, for publish --archive and dlq import; .gz and .zst are "+
			"compressed")
	flags.DurationVar(&opts.every, "every", 2*time.Second, "with --queue: refresh interval")
	flags.Int64Var(&opts.head, "head", 20, "with --queue: number of messages from the head of the queue")
	opts.files.Register(cmd)
	cmdutil.MarkNewFile(cmd, "save")
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func (o *tailOptions) check() (err error) {
	at := cmdutil.Where(o.cmd)
	switch {
	case cmdutil.CountTrue(o.queue != "", o.stream != "", o.firehose, len(o.exchanges) > 0) > 1:
		return cmdutil.UsageError("see: msgctl tail --help",
			"%s--exchange, --queue, --stream and --firehose exclude each other", at)
	case o.from.set && o.stream == "":
		return cmdutil.UsageError("msgctl tail --stream NAME --from "+o.from.text, "%s--from needs --stream", at)
	case o.limit < 0 || o.idle < 0:
		return cmdutil.UsageError("0 is no limit", "%s--limit and --idle-timeout cannot be negative", at)
	case o.head < 1 || o.every < 100*time.Millisecond:
		return cmdutil.UsageError("--head 20 --every 2s", "%s--head must be positive, and --every at least 100ms", at)
	case o.save == "-":
		return cmdutil.UsageError("-o ndjson writes to stdout; --save FILE writes an archive",
			"%sflag --save: want the name of a file", at)
	}
	if o.where != "" {
		if _, err := filter.Compile(o.where, filter.Options{}); err != nil {
			return cmdmsg.ExpressionError(o.cmd, "--where", err)
		}
	}
	o.program, err = cmdmsg.CompileJQ(o.cmd, o.jq)
	return err
}

// Broker is the set of broker operations that tail uses.
type Broker interface {
	vhost.Broker
	// Taps opens the sources of messages.
	Tails(vhost string) tail.Dialer
	// Tracing reports whether the firehose is on.
	Tracing(ctx context.Context, vhost string) (bool, error)
	// Close ends all connections.
	Close()
}

// OpenBroker creates a client that watches messages.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)

func runTail(ctx context.Context, opts *tailOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	conn, err := opts.proc.Connection(opts.connection)
	if err != nil {
		return err
	}
	known, err := opts.proc.CatalogueIfAny(&opts.files, conn)
	if err != nil {
		return err
	}
	if known != nil && known.State.Home != "" && conn.Sources["vhost"] == "default" {
		conn.VHost = known.State.Home
	}
	b, err := opts.open(ctx, conn, "tail")
	if err != nil {
		return err
	}
	defer b.Close()
	t := &tailing{tailOptions: opts, conn: conn, broker: b, known: known, vhost: conn.VHost}
	if opts.where != "" {
		if t.filter, err = filter.Compile(opts.where, filter.Options{}); err != nil {
			return err
		}
	}
	src, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer src.stop()
	return t.run(ctx, src)
}
