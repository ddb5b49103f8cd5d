// Package tail is the command tail: it shows messages as they go by and takes none away.
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

const tailLong = `Watch messages go by, without taking any away from anybody.

Exchanges are watched through a private queue that is bound to them beside the
queues of consumers. The broker deletes it with the connection, however msgctl
ends. PATTERNs are topic patterns for routing keys, one of which must match:
'order.#', '*.created'. Without --exchange the exchanges of the topology file
are watched, or all of the vhost. A binding more is harmless but for one thing:
a mandatory message that no other queue gets is not returned to its publisher
meanwhile. Where it would do more (an alternate exchange, direct exchanges,
which know no patterns), the bindings of others at the beginning are copied, and
what they let through is seen.

--queue looks at the head of a queue again and again, as dlq inspect does, and
refuses where looking could do harm. --stream reads a stream from anywhere; a
time is that of a chunk, so that some older messages may come first. Of both,
the times shown are those of the events. --firehose shows everything that is
published and delivered in a vhost whose tracing is on.

With a topology file that declares events, each is checked against its schema;
--invalid shows only those that break it. --follow ID tells one story: every
event with that correlation id, and what it led to, as a tree of causes.

A slow terminal, pipe or network never holds up the broker: what does not fit
into bounded buffers is dropped, counted, and shown as missing; where the broker
may have dropped more than can be counted, that is said. What --save writes does
not wait for the terminal. A lost connection is restored, and the gap is said.

Watching ends with Ctrl-C (exit code 130), or with 0 when --limit or
--idle-timeout ends it; with 1 when fewer than --limit messages came before
--idle-timeout, and with 2 when --invalid found some.`

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
		Short:   "Watch events go by without taking any away",
		Long:    tailLong,
		GroupID: cmdutil.GroupEvents,
		Example: `  msgctl tail 'order.#'
  msgctl tail --exchange orders.exchange --where 'body.payload.totalAmount > 100'
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
		"watch this exchange; may be repeated (default: those of the topology file, or all)")
	flags.StringVarP(&opts.queue, "queue", "q", "", "look at the head of this queue instead")
	flags.StringVar(&opts.stream, "stream", "", "read this stream instead")
	flags.Var(&opts.from, "from", "where to begin in a stream: first, last (chunk), next, an offset, a time "+
		"(2026-01-31T12:00:00Z) or how long ago (10m)")
	flags.BoolVar(&opts.firehose, "firehose", false,
		"watch all that is published and delivered in the vhost; its tracing must be on")
	flags.StringVar(&opts.where, "where", "",
		`only messages for which an expression holds: 'body.payload.totalAmount > 100 && headers["tenant"] == "acme"'`)
	flags.StringVar(&opts.follow, "follow", "",
		"only the story of this correlation id, or of this event's, as a tree of causes")
	flags.BoolVar(&opts.invalid, "invalid", false, "only what breaks its schema")
	flags.Int64VarP(&opts.limit, "limit", "n", 0, "end after so many messages; 0 is no limit")
	flags.DurationVar(&opts.idle, "idle-timeout", 0, "end when there was nothing to show for so long; 0 waits for ever")
	flags.BoolVar(&opts.full, "full", false, "everything about each message, bodies indented")
	opts.output.Register(cmd, "text", "json", "ndjson", "none")
	flags.StringVar(&opts.jq, "jq", "", "run a jq program on each message, as -o ndjson has it")
	flags.StringVar(&opts.save, "save", "",
		"write what is shown to a new archive, too, for publish --archive and dlq import; .gz and .zst are compressed")
	flags.DurationVar(&opts.every, "every", 2*time.Second, "with --queue: the pause between two looks")
	flags.Int64Var(&opts.head, "head", 20, "with --queue: how many messages from the head to look at")
	opts.files.Register(cmd)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func (o *tailOptions) check() (err error) {
	at := cmdutil.Where(o.cmd)
	switch {
	case cmdutil.CountTrue(o.queue != "", o.stream != "", o.firehose, len(o.exchanges) > 0) > 1:
		return cmdutil.UsageError("see: msgctl tail --help",
			"%s--exchange, --queue, --stream and --firehose exclude each other", at)
	case o.from.set && o.stream == "":
		return cmdutil.UsageError("msgctl tail --stream NAME --from "+o.from.text, "%s--from is for --stream", at)
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

// Broker is what tail needs of a live broker.
type Broker interface {
	vhost.Broker
	// Taps opens feeds.
	Tails(vhost string) tail.Dialer
	// Tracing says whether the firehose is on.
	Tracing(ctx context.Context, vhost string) (bool, error)
	// Close ends all connections.
	Close()
}

// OpenBroker prepares a client that watches.
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
