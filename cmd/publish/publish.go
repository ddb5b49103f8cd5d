// Package publish is the command publish: one event, a file of them, or an archive that is played
// again.
package publish

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
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
--breaker-pause, and continues when the probe is confirmed. When the broker
blocks publishers (memory or disk alarm), publish waits.

--archive publishes the messages that tail --save or dlq export wrote: to the
same exchanges and keys, with the same ids and the original pauses, at --speed
times the original speed. The header x-msgctl-archive marks them as copies.

Without TYPE, --exchange and --key publish a message as it is.

With OTEL_EXPORTER_OTLP_ENDPOINT each event is a span, and carries its context
in the header traceparent: docs/tracing.md.

Exit code 0: everything is confirmed. 1: nothing was published, or one event is
invalid, refused or unroutable. 3: some events of a file failed.`

// Broker is what publish needs of a live broker.
type Broker interface {
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Dialer publishes messages, on connections of its own.
	Dialer(vhost string) publish.Dialer
	// Close ends all connections.
	Close()
}

// OpenBroker prepares a client that publishes.
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

// propertyOptions are flags about the message around the event.
type propertyOptions struct {
	exchange, key string
	id, aggregate string
	contentType   string
	appID         string
	headers       []string
	priority      uint8
	expiration    time.Duration
	delay         time.Duration
	unroutable    bool

	table message.Table // of headers, parsed
}

// bulkOptions are flags about many events.
type bulkOptions struct {
	ndjson  string
	rate    float64
	count   int64
	window  int
	onError string
	resume  bool
	journal string
	report  string
	breaker int
	pause   time.Duration
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

func (o *publishOptions) registerEvent(cmd *cobra.Command) {
	flags := cmd.Flags()
	o.payload.register(cmd)
	flags.StringVar(&o.props.id, "id", "", "`ID` for eventId and the property message_id (default: a new UUIDv7)")
	flags.StringVar(&o.props.aggregate, "aggregate-id", "",
		"`ID` for aggregateId (default: the payload field that the catalogue names)")
	flags.StringVar(&o.meta.CorrelationID, "correlation-id", "", "correlation `ID` of the event")
	flags.StringVar(&o.meta.CausationID, "causation-id", "", "eventId (`ID`) of the event that caused this one")
	flags.StringVar(&o.meta.UserID, "user-id", "",
		"metadata.userId, the user on whose behalf the event is published (not the property user_id)")
	flags.StringVar(&o.meta.TraceID, "trace-id", "",
		"trace `ID` (W3C Trace Context, 32 hex digits); with --span-id it sets the header traceparent")
	flags.StringVar(&o.meta.SpanID, "span-id", "", "span `ID` (W3C Trace Context, 16 hex digits)")
	flags.StringVar(&o.format, "format", "",
		"event format: envelope, cloudevents or cloudevents-structured (default: the catalogue's, or envelope)")
	flags.StringArrayVar(&o.props.headers, "header", nil,
		"add a header, NAME=VALUE; integers, true and false keep their type, NAME=\"7\" is a string; may be repeated")
	flags.Uint8Var(&o.props.priority, "priority", 0, "the priority property, 0 to 255")
	flags.DurationVar(&o.props.expiration, "expiration", 0,
		"time after which the message expires in a queue; 0 is never")
	flags.DurationVar(&o.props.delay, "delay", 0,
		"time for which the broker delays the message; needs an exchange of type x-delayed-message (a plugin)")
	flags.BoolVar(&o.props.unroutable, "allow-unroutable", false,
		"accept that the message reaches no queue, instead of an error")
	flags.StringVar(&o.props.appID, "app-id", "", "the app_id property (default: the topology's name)")
	flags.StringVar(&o.props.exchange, "exchange", "",
		"without TYPE: the exchange; \"\" is the default exchange, whose keys are queue names")
	flags.StringVar(&o.props.key, "key", "", "without TYPE: the routing key")
	flags.StringVar(&o.props.contentType, "content-type", "",
		"without TYPE: the content_type property (default: application/json for JSON)")
	flags.BoolVar(&o.dryRun, "dry-run", false,
		"publish nothing; show the message and the queues that it would reach according to the topology file")
}

func (o *publishOptions) registerBulk(cmd *cobra.Command) {
	flags, b := cmd.Flags(), &o.bulk
	flags.StringVar(&b.ndjson, "ndjson", "", "publish this `FILE` of one payload or event per line; - is stdin")
	flags.Float64Var(&b.rate, "rate", 0, "maximum events per second; 0 is no limit")
	flags.Int64Var(&b.count, "count", 0, "publish the payload this many times, or at most this many lines of --ndjson")
	flags.IntVar(&b.window, "window", publish.DefaultWindow,
		"maximum unconfirmed events, which bounds the duplicates after a lost connection")
	flags.StringVar(&b.onError, "on-error", "continue",
		"reaction to an invalid, returned or refused event: continue or stop")
	flags.BoolVar(&b.resume, "resume", false, "continue after the last line that the journal records as done")
	flags.StringVar(&b.journal, "journal", "",
		"journal `FILE`, which records the progress; none disables it (default: that of --ndjson with .journal appended; "+
			"none for stdin)")
	flags.StringVar(&b.report, "report", "", "append one NDJSON line per failed event to this `FILE`")
	cmdutil.MarkNewFile(cmd, "journal")
	cmdutil.MarkNewFile(cmd, "report")
	flags.IntVar(&b.breaker, "breaker", publish.DefaultBreakerFailures,
		"pause after this many consecutive events were returned or refused; 0 is never")
	flags.DurationVar(&b.pause, "breaker-pause", publish.DefaultBreakerPause,
		"pause before one event is sent as a probe")
	_ = cmd.MarkFlagFilename("ndjson", "ndjson", "jsonl", "json")
}

// check finds mistakes in the flags before anything is read.
func (o *publishOptions) check() error {
	changed := o.cmd.Flags().Changed
	switch {
	case o.typ == "" && !changed("exchange") && !changed("key") && o.bulk.ndjson == "":
		return cmdutil.UsageError("msgctl events ls lists the types; --exchange and --key publish a message without a type",
			"%sTYPE is missing", cmdutil.Where(o.cmd))
	case o.typ != "" && (changed("exchange") || changed("key") || changed("content-type")):
		return cmdutil.UsageError("remove TYPE, or remove --exchange, --key and --content-type",
			"%sthe event declares its exchange and key", cmdutil.Where(o.cmd))
	case o.typ == "" && o.props.delay > 0 && !changed("exchange"):
		return cmdutil.UsageError("name the TYPE of the events", "%s--delay is for events of one type", cmdutil.Where(o.cmd))
	case o.bulk.ndjson != "" && o.payload.any():
		return cmdutil.UsageError("use one of the two", "%s--ndjson and other sources of the payload exclude each other",
			cmdutil.Where(o.cmd))
	case o.bulk.ndjson == "" && (o.bulk.resume || o.bulk.journal != ""):
		return cmdutil.UsageError("add --ndjson FILE", "%s--resume and --journal need a file of events",
			cmdutil.Where(o.cmd))
	case o.bulk.many() && o.props.id != "":
		return cmdutil.UsageError("remove --id: each event gets its own", "%s--id needs a single event", cmdutil.Where(o.cmd))
	case o.bulk.onError != "continue" && o.bulk.onError != "stop":
		return cmdutil.UsageError("--on-error continue or --on-error stop", "%sflag --on-error: invalid value %q",
			cmdutil.Where(o.cmd),
			o.bulk.onError)
	case o.bulk.rate < 0 || o.bulk.count < 0 || o.bulk.window < 1 || o.bulk.window > maxWindow || o.bulk.breaker < 0 ||
		o.bulk.pause < 0:
		return cmdutil.UsageError("see: msgctl publish --help",
			"%s--rate, --count, --breaker and --breaker-pause cannot be negative; --window must be between 1 and %d",
			cmdutil.Where(o.cmd), maxWindow)
	case o.props.expiration < 0 || o.props.delay < 0 || o.props.expiration > maxDelay || o.props.delay > maxDelay:
		return cmdutil.UsageError("write a duration like 30s or 2h", "%s--expiration and --delay must be between 0 and %s",
			cmdutil.Where(o.cmd),
			maxDelay)
	}
	if err := o.checkTrace(); err != nil {
		return err
	}
	if _, err := event.ParseFormat(o.format); err != nil {
		return cmdutil.UsageError("see: msgctl publish --help", "%sflag --format: %v", cmdutil.Where(o.cmd), err)
	}
	return nil
}

// checkTrace keeps ids from being sent that no tracing system takes for such.
func (o *publishOptions) checkTrace() error {
	id, span := o.meta.TraceID, o.meta.SpanID
	switch {
	case id != "" && !event.IsTraceID(id):
		return cmdutil.UsageError("32 hex digits, not all 0, such as 4bf92f3577b34da6a3ce929d0e0e4736",
			"%sflag --trace-id: %q is not a trace id (W3C Trace Context)", cmdutil.Where(o.cmd), id)
	case span != "" && !event.IsSpanID(span):
		return cmdutil.UsageError("16 hex digits, not all 0, such as 00f067aa0ba902b7",
			"%sflag --span-id: %q is not a span id (W3C Trace Context)", cmdutil.Where(o.cmd), span)
	case span != "" && id == "":
		return cmdutil.UsageError("add --trace-id, or remove --span-id",
			"%s--span-id needs --trace-id", cmdutil.Where(o.cmd))
	}
	return nil
}

const (
	maxWindow = 1 << 20
	// maxDelay is what the broker's timers take: 2^32-1 milliseconds.
	maxDelay = (1<<32 - 1) * time.Millisecond
)

func (o *bulkOptions) many() bool { return o.ndjson != "" || o.count > 1 }

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
		return r.dryRunFile()
	}
	text, err := r.payload()
	if err != nil {
		return err
	}
	switch {
	case opts.dryRun:
		return r.dryRun(text)
	case opts.bulk.count > 1:
		return r.bulkCount(ctx, text)
	}
	return r.one(ctx, text)
}

// publishRun is one run of the command.
type publishRun struct {
	*publishOptions
	conn     *profile.Connection
	vhost    string
	declared *cmdutil.Declared // nil without a topology file
	maker    maker
	traces   *tracing.Tracing // nil without
}

// prepare reads files and settings; nothing is dialled.
func (o *publishOptions) prepare(ctx context.Context) (*publishRun, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, err
	}
	r := &publishRun{publishOptions: o, conn: conn, vhost: conn.VHost}
	untyped := o.cmd.Flags().Changed("exchange") || o.cmd.Flags().Changed("key")
	if err := r.declare(untyped); err != nil {
		return nil, err
	}
	decorate, err := o.props.decorator(o.cmd)
	if err != nil {
		return nil, err
	}
	if untyped {
		r.maker = &rawMaker{options: &o.props, decorate: decorate, begin: r.beginSpan}
		return r, r.checkDelay(ctx, o.props.exchange)
	}
	return r, r.typed(ctx, decorate)
}

// declare reads the topology files; for bytes without a type they may be missing.
func (r *publishRun) declare(optional bool) error {
	names, err := r.files.Names(r.proc, r.conn.File)
	if err != nil {
		if optional {
			return nil
		}
		return err
	}
	d, err := r.proc.Catalogue(names, cmdutil.ChooseVHost(r.conn))
	if err != nil {
		if optional && len(r.files.Patterns) == 0 {
			return nil
		}
		return err
	}
	r.declared = d
	return nil
}

// typed prepares for events of the catalogue.
func (r *publishRun) typed(ctx context.Context, decorate func(*message.Message)) error {
	m := &eventMaker{catalogue: r.declared.Catalogue, metadata: r.meta, aggregate: r.props.aggregate, decorate: decorate,
		format: event.Format(r.format),
		appID:  r.props.appID, begin: r.beginSpan}
	if m.appID == "" {
		m.appID = r.declared.Name
	}
	r.maker = m
	r.vhost = r.declared.State.Home
	m.vhost = r.vhost
	if r.typ == "" {
		return nil
	}
	t, err := r.declared.Catalogue.Type(r.typ)
	if err != nil {
		return cmdutil.UnknownType(err, "msgctl publish")
	}
	m.typ, m.vhost, r.vhost = t, t.VHost, t.VHost
	return r.checkDelay(ctx, t.Exchange)
}

// checkDelay makes sure that --delay can work.
func (r *publishRun) checkDelay(ctx context.Context, exchange string) error {
	if r.props.delay == 0 {
		return nil
	}
	kind, err := r.exchangeType(ctx, exchange)
	if err != nil {
		return fmt.Errorf("--delay: read the type of exchange %q: %w", exchange, err)
	}
	if kind == delayedType {
		return nil
	}
	is := "does not exist"
	if kind != "" {
		is = "is of type " + kind
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
		Err: fmt.Errorf("exchange %q %s: only exchanges of type %s, which a plugin provides, delay messages", exchange, is,
			delayedType),
		Advice: "without the plugin: publish with --expiration to a queue without consumers whose dead letters go to the " +
			"exchange"}
}

const delayedType = "x-delayed-message"

// exchangeType asks the broker, which may differ from the topology file; the file only in a dry
// run, or when the broker's exchanges cannot be read. "" when the exchange does not exist.
func (r *publishRun) exchangeType(ctx context.Context, name string) (string, error) {
	ref := topology.Ref{Kind: topology.KindExchange, VHost: r.vhost, Name: name}
	var declared topology.Object
	if r.declared != nil {
		declared, _ = r.declared.State.Get(ref)
	}
	switch {
	case name == "":
		return "direct", nil
	case r.publishOptions.dryRun && declared != nil:
		return declared.(*topology.Exchange).Type, nil
	}
	live, err := r.live(ctx)
	switch {
	case err != nil && declared != nil && ctx.Err() == nil:
		return declared.(*topology.Exchange).Type, nil
	case err != nil:
		return "", err
	}
	if o, ok := live.Get(ref); ok {
		return o.(*topology.Exchange).Type, nil
	}
	return "", nil
}

// live reads the vhost from the broker.
func (r *publishRun) live(ctx context.Context) (*topology.Live, error) {
	b, err := r.publishOptions.open(ctx, r.conn, "publish")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Everything(ctx, []string{r.vhost})
}
