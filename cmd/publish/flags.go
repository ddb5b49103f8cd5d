package publish

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/compose"
)

// propertyOptions are the flags that set properties of the message.
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
}

// bulkOptions are the flags for publishing many events.
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
		"publish nothing; show the message, the queues that it would reach according to the topology file or, without "+
			"one, to the broker, and which of them drop messages")
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

// check refuses wrong flags before anything is read.
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

// checkTrace refuses ids that tracing systems would ignore.
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
	// maxDelay is the maximum of the broker's timers: 2^32-1 milliseconds.
	maxDelay = (1<<32 - 1) * time.Millisecond
)

func (o *bulkOptions) many() bool { return o.ndjson != "" || o.count > 1 }

// decoration is what the flags add to every message.
func (o *propertyOptions) decoration(cmd *cobra.Command) (compose.Decoration, error) {
	headers, err := compose.ParseHeaders(o.headers)
	switch {
	case errors.Is(err, compose.ErrDelayHeader):
		return compose.Decoration{}, cmdutil.UsageError("write --delay 5s", "%sflag --header: %s is set by --delay",
			cmdutil.Where(cmd), compose.HeaderDelay)
	case err != nil:
		return compose.Decoration{}, cmdutil.UsageError("write --header NAME=VALUE", "%sflag --header: %v",
			cmdutil.Where(cmd), err)
	}
	return compose.Decoration{Headers: headers, Priority: o.priority, Explicit: cmd.Flags().Changed("priority"),
		Expiration: o.expiration, Delay: o.delay}, nil
}
