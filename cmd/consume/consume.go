// Package consume is the command consume: it passes the messages of a queue to a handler. The work
// is done by pkg/consume; this package checks the flags, reads the topology, and logs and measures
// the run.
package consume

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/runner"
)

const consumeLong = `Consume a queue and pass each message to a handler: a command, an HTTP endpoint,
or one handler per event type. A failed message is retried with the backoff that
the topology file gives the queue (retry:), and dead-lettered when the retries
are used up.

--exec runs a shell command for each message. The body is on its stdin, the rest
in environment variables (MESSAGE_ID, MESSAGE_TYPE, MESSAGE_ROUTING_KEY,
MESSAGE_ATTEMPT, MESSAGE_HEADERS, …). With --persistent the command is started
once; it reads one line of JSON per message and answers each with a line such as
{"tag":7,"result":"ack"}, with "retry" or "dead-letter" and an "error". --http
posts each message, events as CloudEvents. --handlers names a file with a
handler per event type (order.created: { exec: ./handle-order }). --print shows
the messages, --discard destroys them.

Exit code 0 or HTTP status 2xx: the message is handled and leaves the queue.
Exit code 75, HTTP status 408, 425, 429, 502, 503 or 504 (with Retry-After), an
unreachable server or --handler-timeout: it is retried. Anything else, an event
that violates its schema, or the last attempt: it is dead-lettered, with the
error in its headers. msgctl dlq inspect --group-by error shows the errors,
msgctl dlq replay sends the messages back. A handler that cannot be started
(exit code 126 or 127, or with --persistent an end before it reads) ends consume
after the first message, and nothing is dead-lettered.

Delivery is at least once. The broker confirms each copy (of a retry or a dead
letter) before the original is acknowledged; after a crash or a lost connection
a handler may receive a message again. Attempts are counted across restarts.
--dedupe remembers the ids of the last handled messages.

--ordered-by handles messages with the same key in order, retries included: a
message that waits for its retry is held, and later messages with its key wait
behind it. Other keys continue. No other consumer may use the queue meanwhile.

If the queue has no dead-letter exchange, consume does not start, because
messages that fail permanently would be lost. --dead-letter-to names a
destination.

With OTEL_EXPORTER_OTLP_ENDPOINT each attempt is a span in the message's trace,
and the handler gets its context in TRACEPARENT: docs/tracing.md.

On a terminal the last line shows the progress: what was handled, retried and
dead-lettered so far, what is being handled, and messages per second.

The first Ctrl-C or SIGTERM stops consuming and gives running handlers --grace
to finish. Handlers that are still running are then killed, and their messages
return to the queue. The exit code is 130. A run that ends by itself, by --limit
or --idle-timeout, exits with 3 if messages were dead-lettered or dropped, were
begun and had to return to the queue, or were left undelivered, and
otherwise with 0.

Before a run ends by --idle-timeout, it asks the broker whether the queue is
empty. While it is not, the run waits up to three times as long, and then ends
with exit code 3: the broker delivers to another consumer, or to none. A broker
that does not answer is a lost connection.`

// consumeOptions are the flags of consume.
type consumeOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	cmd        *cobra.Command
	connection *profile.Flags
	files      cmdutil.FileFlag

	queue        string
	handler      handlerOptions
	deadLetterTo string
	metrics      string
	log          cmdutil.LogFlags

	progress terminal.ProgressMode

	prefetch, concurrency int
	orderedBy             string
	grace                 time.Duration
	dedupe                int
	limit                 int64
	idle                  time.Duration
}

// handlerOptions select the handler of the messages.
type handlerOptions struct {
	exec        string
	persistent  bool
	input       cmdutil.OutputFlag
	http        string
	httpFormat  cmdutil.OutputFlag
	file        string
	unknown     cmdutil.OutputFlag
	print       bool
	printFormat cmdutil.OutputFlag
	discard     bool
	timeout     time.Duration
	unchecked   bool
	passEnv     []string
}

// NewCmd is msgctl consume.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &consumeOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "consume QUEUE",
		Short:   "Consume a queue with a handler, with retries and dead-lettering",
		Long:    consumeLong,
		GroupID: cmdutil.GroupEvents,
		Example: `  msgctl consume orders.created.queue --exec ./handle-order
  msgctl consume orders.created.queue --exec 'jq -e .payload.orderId' --concurrency 4
  msgctl consume orders.created.queue --exec 'python3 worker.py' --persistent --concurrency 50
  msgctl consume orders.created.queue --http http://localhost:8080/orders --concurrency 20 --metrics :9464
  msgctl consume orders.created.queue --handlers handlers.yaml --on-unknown dead-letter
  msgctl consume orders.created.queue --exec ./ship --ordered-by aggregateId --dedupe 10000
  msgctl consume orders.created.queue --print --limit 1`,
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue, opts.cmd = names[0], cmd
			return runConsume(cmd.Context(), opts)
		},
	}
	opts.handler.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.deadLetterTo, "dead-letter-to", "",
		"`DESTINATION` of dead letters: queue:NAME, exchange:NAME, exchange:NAME/KEY, or drop to destroy them (default: "+
			"the queue's dead-letter exchange)")
	flags.IntVar(&opts.concurrency, "concurrency", 1, "maximum messages handled concurrently")
	flags.IntVar(&opts.prefetch, "prefetch", 0,
		"maximum unacknowledged messages (default: 20 or four times --concurrency; 500 when no process is started for "+
			"each; with --limit no more than a tenth of it)")
	flags.StringVar(&opts.orderedBy, "ordered-by", "",
		"handle messages with the same `KEY` in order: aggregateId, routing-key, or expressions as in dlq inspect "+
			"--group-by, such as headers.tenant or body.customer")
	flags.IntVar(&opts.dedupe, "dedupe", 0,
		"remember the ids of this many handled messages, and acknowledge repeats without handling them")
	flags.DurationVar(&opts.grace, "grace", runner.DefaultGrace,
		"how long running handlers may take to finish after Ctrl-C or SIGTERM")
	flags.Int64VarP(&opts.limit, "limit", "n", 0, "exit after this many attempts; 0 is no limit")
	flags.DurationVar(&opts.idle, "idle-timeout", 0, "exit when there was nothing to do for this long; 0 never exits")
	flags.StringVar(&opts.metrics, "metrics", "",
		"serve /metrics, /healthz and /readyz on this `ADDRESS`: :9464 is on this machine only, 0.0.0.0:9464 on all of "+
			"its addresses")
	opts.log.Register(cmd, "debug (every message), info, warn (retries and worse) or error (dead letters)")
	cmdmsg.RegisterProgress(cmd, &opts.progress)
	opts.files.Register(cmd)
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func (h *handlerOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&h.exec, "exec", "", "run this shell `COMMAND` for each message")
	flags.BoolVar(&h.persistent, "persistent", false,
		"with --exec: start the command once, and write it one line of JSON per message")
	h.input.RegisterAs(cmd, "input", "", "body", "json")
	flags.StringVar(&h.http, "http", "", "post each message to this `URL`")
	h.httpFormat.RegisterAs(cmd, "http-format", "", "cloudevents", "raw")
	flags.StringVar(&h.file, "handlers", "", "`FILE` with a handler for each event type")
	h.unknown.RegisterAs(cmd, "on-unknown", "", "dead-letter", "ack", "retry")
	flags.BoolVar(&h.print, "print", false, "print the messages on stdout; they leave the queue")
	h.printFormat.RegisterAs(cmd, "output", "o", "text", "json", "ndjson")
	flags.BoolVar(&h.discard, "discard", false, "destroy the messages")
	flags.StringSliceVar(&h.passEnv, "pass-env", nil,
		"`NAME`s of variables with msgctl's credentials (MSGCTL_PASSWORD, ...) that --exec inherits anyway")
	flags.DurationVar(&h.timeout, "handler-timeout", time.Minute, "timeout of a handler for one message; 0 is no timeout")
	flags.BoolVar(&h.unchecked, "no-validate", false,
		"do not validate events against the schemas of the topology file")
	_ = cmd.MarkFlagFilename("handlers", "yaml", "yml", "json")
	for name, usage := range map[string]string{
		"input":       "with --exec: what stdin contains: body, or json for the whole message as a line of JSON",
		"http-format": "with --http: cloudevents (CloudEvents in binary mode) or raw",
		"on-unknown":  "with --handlers: result for a type without a handler: dead-letter, ack or retry",
		"output":      "with --print: text, json or ndjson",
	} {
		flags.Lookup(name).Usage = usage
	}
}

// given lists the flags that select a handler. Exactly one must be set.
func (h *handlerOptions) given() (flags []string) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"--exec", h.exec != ""}, {"--http", h.http != ""}, {"--handlers", h.file != ""}, {"--print", h.print},
		{"--discard", h.discard}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}

// check refuses wrong flags before anything is read.
func (o *consumeOptions) check() error {
	at, h := cmdutil.Where(o.cmd), &o.handler
	see := "see: msgctl consume --help"
	switch {
	case len(h.given()) > 1:
		return cmdutil.UsageError("keep one of them: each says what happens to a message",
			"%s%s exclude each other", at, strings.Join(h.given(), " and "))
	case len(h.given()) == 0:
		return cmdutil.UsageError("msgctl consume "+shell.Quote(o.queue)+" --exec CMD",
			"%sone of --exec, --http, --handlers, --print and --discard is required", at)
	case h.persistent && h.exec == "":
		return cmdutil.UsageError("msgctl consume "+shell.Quote(o.queue)+" --exec CMD --persistent",
			"%s--persistent needs --exec",
			at)
	case h.persistent && h.input.Value != "body", o.cmd.Flags().Changed("input") && h.exec == "":
		return cmdutil.UsageError("remove --input",
			"%s--input needs --exec without --persistent, which always uses JSON", at)
	case o.concurrency < 1 || o.concurrency > maxConcurrency:
		return cmdutil.UsageError("--concurrency 10", "%s--concurrency must be between 1 and %d", at, maxConcurrency)
	case o.prefetch != 0 && (o.prefetch < o.concurrency || o.prefetch > maxPrefetch):
		return cmdutil.UsageError("remove --prefetch", "%s--prefetch must be between --concurrency (%d) and %d", at,
			o.concurrency,
			maxPrefetch)
	case o.dedupe < 0 || o.limit < 0 || o.idle < 0 || o.grace < 0 || h.timeout < 0:
		return cmdutil.UsageError(see, "%s--dedupe, --limit, --idle-timeout, --grace and --handler-timeout cannot be "+
			"negative", at)
	}
	if err := o.log.Check(o.cmd); err != nil {
		return err
	}
	if o.metrics != "" {
		if _, _, err := net.SplitHostPort(o.metrics); err != nil {
			return cmdutil.UsageError("--metrics :9464", "%sflag --metrics: want HOST:PORT or :PORT, not %q", at, o.metrics)
		}
	}
	return nil
}

const (
	maxConcurrency = 10_000
	maxPrefetch    = 65_535
)

// effectivePrefetch returns the prefetch. Starting a process per message is slow, so a few messages
// in hand keep it busy and the rest is left to other consumers. It is never more than --limit:
// surplus messages would be returned, which a quorum queue counts as a delivery attempt. Before the
// limit, the acknowledgements of a last prefetch wait for the end, so by default that is no more
// than a tenth of the run, but enough for --concurrency.
func (o *consumeOptions) effectivePrefetch() int {
	n := min(max(500, 2*o.concurrency), maxPrefetch)
	switch {
	case o.prefetch > 0:
		return o.atMost(o.prefetch)
	case o.handler.exec != "" && !o.handler.persistent, o.handler.file != "":
		n = min(max(20, 4*o.concurrency), maxPrefetch)
	}
	if o.limit > 0 {
		n = int(min(int64(n), max(int64(o.concurrency), o.limit/10)))
	}
	return o.atMost(n)
}

// atMost returns n, or --limit if that is less.
func (o *consumeOptions) atMost(n int) int {
	if o.limit > 0 {
		return int(min(int64(n), o.limit))
	}
	return n
}

func runConsume(ctx context.Context, opts *consumeOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	c, err := opts.prepare(ctx)
	if err != nil {
		return err
	}
	defer c.broker.Close()
	return c.run(ctx)
}

// consumeSummary describes the result of a run.
func consumeSummary(r runner.Report) string {
	parts := append([]string{terminal.FormatCount(r.Handled) + " handled"}, otherOutcomes(r)...)
	text := strings.Join(parts, ", ")
	if r.Reconnects > 0 {
		text += fmt.Sprintf("; reconnected %s", terminal.FormatPlural(r.Reconnects, "time", "times"))
	}
	return text
}

// otherOutcomes are those but handled that there were.
func otherOutcomes(r runner.Report) (parts []string) {
	for _, p := range []struct {
		n    int64
		what string
	}{
		{r.Retried, "retried"}, {r.DeadLettered, "dead-lettered"}, {r.Dropped, "dropped"},
		{r.Duplicates, "skipped as duplicate"},
		{r.Returned, "interrupted and returned"},
	} {
		if p.n > 0 {
			parts = append(parts, terminal.FormatCount(p.n)+" "+p.what)
		}
	}
	return parts
}
