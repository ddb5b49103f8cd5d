// Package consume is the command consume: it gives the messages of a queue to a handler.
package consume

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/runner"
)

const consumeLong = `Take messages out of a queue and give each to a handler.

--exec runs a command by the shell for each message: the body is on its stdin,
the rest in the environment (MESSAGE_ID, MESSAGE_TYPE, MESSAGE_ROUTING_KEY,
MESSAGE_ATTEMPT, MESSAGE_HEADERS, …). With --persistent it is started once, gets
a line of JSON for each message and answers each with a line:
{"tag":7,"result":"ack"}, or retry or dead-letter with an "error". --http posts
each message, an event as a CloudEvent. --handlers names handlers by event type
in a file (order.created: { exec: ./handle-order }). --print shows the messages,
--discard destroys them.

Exit code 0 or an answer 2xx: the message is handled, and leaves the queue. Exit
code 75, the answers 408, 425, 429, 502, 503 and 504 (Retry-After is heeded), a
server that cannot be reached, and --handler-timeout: it goes up the queue's
retry ladder (retry: in the topology file). Anything else, an event that breaks
its schema, or the last attempt: it is dead-lettered, with the error in its
headers, by which msgctl dlq inspect --group-by error tells them apart; msgctl
dlq replay puts it back. The broker confirms each copy before the original is
acknowledged.

What cannot be known for sure happens twice rather than not at all: a handler
may see a message again after a crash, or when a connection is lost. The
attempts are counted all the same. --dedupe remembers the last ids that were
handled.

With OTEL_EXPORTER_OTLP_ENDPOINT each attempt is a span in the trace of the
message, and the handler gets it as TRACEPARENT: docs/tracing.md.

--ordered-by handles messages with the same key one after another, in their
order, retries included: a retry then waits in hand, and what has the same key
waits behind it. Other keys go on. No other consumer may take from the queue
meanwhile.

Where the queue has no dead-letter exchange, consume does not begin: what fails
for good would be lost. --dead-letter-to names another place.

The first Ctrl-C or SIGTERM stops taking messages and gives running handlers
--grace to end; then they are killed, and what was not handled is back in the
queue. Exit code 130.`

// consumeOptions are the flags of consume.
type consumeOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	cmd        *cobra.Command
	connection *profile.Flags
	files      cmdutil.FileFlag

	queue   string
	handler handlerOptions
	letters string
	metrics string
	log     cmdutil.LogFlags

	prefetch, concurrency int
	orderedBy             string
	grace                 time.Duration
	dedupe                int
	limit                 int64
	idle                  time.Duration
}

// handlerOptions say what gets the messages.
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
}

// NewCmd is msgctl consume.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &consumeOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "consume QUEUE",
		Short:   "Give the messages of a queue to a handler, with retries and dead letters",
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
	flags.StringVar(&opts.letters, "dead-letter-to", "",
		"where dead letters go: queue:NAME, exchange:NAME or exchange:NAME/KEY, or drop to destroy them (default: the "+
			"queue's dead-letter exchange)")
	flags.IntVar(&opts.concurrency, "concurrency", 1, "messages handled at once")
	flags.IntVar(&opts.prefetch, "prefetch", 0,
		"messages in hand at once (default: 20, or four times --concurrency; 500 where no process is started for each)")
	flags.StringVar(&opts.orderedBy, "ordered-by", "",
		"handle messages with the same key in order: aggregateId, routing-key, or expressions as in dlq inspect "+
			"--group-by: headers.tenant, body.customer")
	flags.IntVar(&opts.dedupe, "dedupe", 0,
		"remember so many ids of handled messages, and acknowledge those that come again unhandled")
	flags.DurationVar(&opts.grace, "grace", runner.DefaultGrace,
		"how long running handlers have to end after Ctrl-C or SIGTERM")
	flags.Int64VarP(&opts.limit, "limit", "n", 0, "end after so many attempts; 0 is no limit")
	flags.DurationVar(&opts.idle, "idle-timeout", 0, "end when there was nothing to do for so long; 0 waits for ever")
	flags.StringVar(&opts.metrics, "metrics", "", "serve /metrics, /healthz and /readyz on this address: :9464")
	opts.log.Register(cmd, "debug (every message), info, warn (retries and worse) or error (dead letters)")
	opts.files.Register(cmd)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func (h *handlerOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&h.exec, "exec", "", "run this command, by the shell")
	flags.BoolVar(&h.persistent, "persistent", false,
		"with --exec: start the command once, and give it a line of JSON for each message")
	h.input.RegisterAs(cmd, "input", "", "body", "json")
	flags.StringVar(&h.http, "http", "", "post to this URL")
	h.httpFormat.RegisterAs(cmd, "http-format", "", "cloudevents", "raw")
	flags.StringVar(&h.file, "handlers", "", "a file that names handlers by event type")
	h.unknown.RegisterAs(cmd, "on-unknown", "", "dead-letter", "ack", "retry")
	flags.BoolVar(&h.print, "print", false, "show the messages on stdout; they leave the queue")
	h.printFormat.RegisterAs(cmd, "output", "o", "text", "json", "ndjson")
	flags.BoolVar(&h.discard, "discard", false, "destroy the messages")
	flags.DurationVar(&h.timeout, "handler-timeout", time.Minute, "how long a handler has for one message; 0 is for ever")
	flags.BoolVar(&h.unchecked, "no-validate", false,
		"do not check events against the topology file's schemas before they are handled")
	_ = cmd.MarkFlagFilename("handlers", "yaml", "yml", "json")
	for name, usage := range map[string]string{
		"input":       "with --exec: what is on stdin: the body, or a line of json with everything",
		"http-format": "how an event is posted: as one of cloudevents (binary mode), or raw",
		"on-unknown":  "with --handlers: what becomes of a type without handler: dead-letter, ack or retry",
		"output":      "with --print: text, json or ndjson",
	} {
		flags.Lookup(name).Usage = usage
	}
}

// check finds mistakes in the flags before anything is read.
func (o *consumeOptions) check() error {
	at, h := cmdutil.Where(o.cmd), &o.handler
	see := "see: msgctl consume --help"
	switch {
	case cmdutil.CountTrue(h.exec != "", h.http != "", h.file != "", h.print, h.discard) != 1:
		return cmdutil.UsageError("msgctl consume "+shell.Quote(o.queue)+" --exec CMD",
			"%swhat is to handle the messages? One of --exec, --http, --handlers, --print and --discard is needed", at)
	case h.persistent && h.exec == "":
		return cmdutil.UsageError("msgctl consume "+shell.Quote(o.queue)+" --exec CMD --persistent",
			"%s--persistent is about --exec",
			at)
	case h.persistent && h.input.Value != "body", o.cmd.Flags().Changed("input") && h.exec == "":
		return cmdutil.UsageError("leave --input out",
			"%s--input is about --exec without --persistent, which always gets JSON", at)
	case o.concurrency < 1 || o.concurrency > maxConcurrency:
		return cmdutil.UsageError("--concurrency 10", "%s--concurrency goes from 1 to %d", at, maxConcurrency)
	case o.prefetch != 0 && (o.prefetch < o.concurrency || o.prefetch > maxPrefetch):
		return cmdutil.UsageError("leave --prefetch out", "%s--prefetch goes from --concurrency (%d) to %d", at,
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

// window is the prefetch. A process for each message is slow; a few in hand keep it busy, and
// others can help with the rest.
func (o *consumeOptions) window() int {
	switch {
	case o.prefetch > 0:
		return o.prefetch
	case o.handler.exec != "" && !o.handler.persistent, o.handler.file != "":
		return min(max(20, 4*o.concurrency), maxPrefetch)
	}
	return min(max(500, 2*o.concurrency), maxPrefetch)
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

// consumeSummary says what a run came to.
func consumeSummary(r runner.Report) string {
	parts := []string{terminal.FormatCount(r.Handled) + " handled"}
	for _, p := range []struct {
		n    int64
		what string
	}{
		{r.Retried, "retried"}, {r.DeadLettered, "dead-lettered"}, {r.Dropped, "dropped"}, {r.Duplicates, "known already"},
		{r.Returned, "interrupted and returned"},
	} {
		if p.n > 0 {
			parts = append(parts, terminal.FormatCount(p.n)+" "+p.what)
		}
	}
	text := strings.Join(parts, ", ")
	if r.Reconnects > 0 {
		text += fmt.Sprintf("; the connection was restored %s", terminal.FormatPlural(r.Reconnects, "time", "times"))
	}
	return text
}
