// Package publish is the command publish: it publishes one event, a file of events, or an archive.
// It checks the flags and makes the messages; pkg/publish sends them and gives the guarantees.
package publish

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

const publishLong = `Publish a typed domain event. TYPE is an event of the topology file, which
declares its exchange, routing key and schema. The payload comes from stdin,
--data, --set or --sample, and is validated against the schema before anything
is sent. The broker must confirm the event and route it to at least one queue,
unless --allow-unroutable is given.

--ndjson publishes a file of payloads or whole events, one per line, in order. A
lost connection is re-established, and unconfirmed events are sent again with
the same eventId. FILE.journal records the progress: after a crash, run the same
command with --resume. The circuit breaker (--breaker) pauses after that many
consecutive events were returned or refused, sends one event as a probe after
--breaker-pause, and continues when the probe is confirmed. Where a permission
or the exchange is missing, publish ends instead. When the broker blocks
publishers (memory or disk alarm), publish waits.

A queue with a length limit confirms each message and drops the oldest, unless
its overflow is reject-publish; with a message-ttl of 0 it keeps nothing.
--dry-run names such queues, according to the broker if a flag, a variable or a
context names one, else to the topology file. Before many events are published,
a notice names them. For a single event nothing is read from the broker.

--archive publishes the messages that tail --save or dlq export wrote: to the
same exchanges and keys, with the same ids and the original pauses, at --speed
times the original speed. The header x-msgctl-archive marks them as copies.

Without TYPE, --exchange and --key publish a message as it is.

With OTEL_EXPORTER_OTLP_ENDPOINT each event is a span, and carries its context
in the header traceparent: docs/tracing.md.

Exit code 0: everything is confirmed. 1: nothing was published, or one event is
invalid, refused or unroutable. 3: some events of a file failed.`

// Broker is the set of broker operations that publish uses.
type Broker interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Dialer publishes messages, on its own connections.
	Dialer(vhost string) publish.Dialer
	// Close ends all connections.
	Close()
}

// OpenBroker creates a client that publishes.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)

type publishOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	cmd        *cobra.Command
	files      cmdutil.FileFlag
	connection *profile.Flags
	output     cmdutil.OutputFlag
	progress   terminal.ProgressMode

	typ     string
	payload payloadOptions
	meta    event.Metadata
	props   propertyOptions
	format  string
	dryRun  bool
	bulk    bulkOptions
	archive archiveOptions
}

// NewCmd is msgctl publish.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &publishOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "publish [TYPE]",
		GroupID: cmdutil.GroupEvents,
		Short:   "Publish a domain event, or a file of events, with confirms",
		Long:    publishLong,
		Example: `  msgctl publish order.created < payload.json
  msgctl publish order.created --sample --set orderId=o-17
  msgctl publish order.created --data @payload.json --dry-run
  msgctl publish order.created --ndjson orders.ndjson --rate 500
  msgctl publish order.created --ndjson orders.ndjson --resume
  msgctl publish --archive orders.ndjson.zst --speed 2
  msgctl publish --exchange logs --key app.info --data 'hello'`,
		Args: cmdutil.Args("[TYPE]"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.typ = strings.Join(names, "")
			return runPublish(cmd.Context(), opts)
		},
		ValidArgsFunction: cmdutil.CompleteEvents(d, &opts.files),
	}
	opts.cmd = cmd
	opts.files.Register(cmd)
	opts.registerEvent(cmd)
	opts.registerBulk(cmd)
	opts.archive.register(cmd)
	opts.output.Register(cmd, "text", "json", "yaml")
	cmdmsg.RegisterProgress(cmd, &opts.progress)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runPublish(ctx context.Context, opts *publishOptions) error {
	if err := opts.archive.check(opts.cmd, opts.typ); err != nil {
		return err
	}
	if opts.archive.file != "" {
		return opts.playArchive(ctx)
	}
	if err := opts.check(); err != nil {
		return err
	}
	r, err := opts.prepare(ctx)
	if err != nil {
		return err
	}
	if !opts.dryRun {
		r.traces = cmdmsg.NewTracing(opts.proc, r.conn, nil)
		defer func() { cmdmsg.EndTracing(opts.proc, r.traces) }()
	}
	switch {
	case opts.bulk.ndjson != "" && !opts.dryRun:
		return r.bulkFile(ctx)
	case opts.bulk.ndjson != "":
		return r.dryRunFile(ctx)
	}
	text, err := r.payload()
	if err != nil {
		return err
	}
	switch {
	case opts.dryRun:
		return r.dryRun(ctx, text)
	case opts.bulk.count > 1:
		return r.bulkCount(ctx, text)
	}
	return r.one(ctx, text)
}
