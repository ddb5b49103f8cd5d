package dlq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/dlq/survey"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/transform"
	"github.com/msgctl/msgctl/pkg/topology"
)

const replayLong = `Send dead letters back, once the cause of their failure is fixed. By default
each message returns to the queue in which it first died: through the default
exchange, so that other subscribers do not receive it twice, and past the wait
queues of retries. Messages that a framework moved to its error queue go where
their headers say. --to overrides the destination:

  --to origin            the exchange and routing keys of the original
                         publication; every queue bound there gets a copy
  --to queue:Q           one queue
  --to exchange:X[/KEY]  an exchange, with this key or each message's own

A message leaves the queue only after the broker confirmed its copy and did not
return it as unroutable. A message that cannot be sent stays in the queue, the
report lists it, and the exit code is 3. Messages that die again during the run
are not replayed again; --max-replays skips messages that keep failing. Ctrl-C
settles the messages in flight; a lost connection is re-established.

On a terminal it asks first, unless --yes is given. Without a terminal it begins
at once, because it destroys nothing; --dry-run only says what it would do.

A queue that drops its oldest messages when it is full (a length limit without
reject-publish) gets what it has room for when the run begins. A queue that may
drop a message within a minute gets none: its message TTL or the message's
expiration is shorter and no queue gets its dead letters, or it has no consumer
and expires. The rest stays (no-room); --force sends all. Such a queue behind an
exchange is named before anything is sent.

Without QUEUE, the only dead-letter queue that holds messages is replayed; if
there are several, they are listed. As in dlq ls, error queues that neither
topology nor name identifies are found by browsing their first message.

--ramp 1,10,100 starts with few messages, waits after each stage (--settle), and
stops when more than --abort-if-returned of them die again.

--jq sees a body as dlq inspect shows it, decompressed, and what it makes is
compressed again. A message whose body it cannot see (binary, UTF-16, damaged)
stays, unless the program does not mention the body. With a topology file (-f)
the result must satisfy the schema of its event, or the message stays.`

type replayOptions struct {
	send       sendFunc
	open       OpenBroker
	common     cmdmsg.RunFlags
	connection *profile.Flags
	selection  selectOptions
	browsing   browseOptions
	queue      string
	all        bool
	to         string
	rate       float64
	ramp       []int64
	settle     time.Duration
	abort      percentValue
	jq         string
	files      cmdutil.FileFlag
	unchecked  bool
	dryRun     bool
	copyOnly   bool
	restoreTTL bool
	maxReplays int64
	prefetch   int
	// move distinguishes dlq move from dlq replay.
	move bool

	destination replay.Destination
	transform   *transform.Transform
	// checkEvents validates changed messages against the topology file; nil without one.
	checkEvents func(before, after *message.Message) error
}

func newReplayCmd(d *cmdutil.Process, open OpenBroker, send sendFunc) *cobra.Command {
	opts := &replayOptions{open: open, send: send, common: cmdmsg.RunFlags{Deps: d}}
	cmd := &cobra.Command{
		Use:   "replay [QUEUE]",
		Short: "Send dead letters back to the queue where they died",
		Long:  replayLong,
		Example: `  msgctl dlq replay orders.dlq --dry-run
  msgctl dlq replay orders.dlq --where 'reason == "expired"' --older-than 1h
  msgctl dlq replay orders.dlq --ramp 1,10,100 --settle 30s --abort-if-returned 5%
  msgctl dlq replay orders.dlq --to exchange:orders.exchange/order.created --rate 50
  msgctl dlq replay orders.dlq --jq '.body.currency = "EUR"' --report replay.ndjson`,
		Args: cmdutil.Args("[QUEUE]"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue = strings.Join(names, "")
			return runReplay(cmd.Context(), opts)
		},
	}
	opts.registerAll(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opts.all, "all", false, "replay every dead-letter queue that holds messages, one after another")
	flags.BoolVar(&opts.restoreTTL, "restore-ttl", false,
		"restore the expiration that the broker removed when the message died")
	flags.Int64Var(&opts.maxReplays, "max-replays", replay.DefaultMaxReplays,
		"skip messages that were already replayed this many times; 0 is no limit")
	flags.Int64SliceVar(&opts.ramp, "ramp", nil,
		"send messages in stages of these `SIZES` and watch whether they die again, for example 1,10,100")
	flags.Lookup("ramp").DefValue = "" // instead of "[]"
	flags.DurationVar(&opts.settle, "settle", replay.DefaultSettle, "how long to watch after each stage of --ramp")
	opts.abort = 5
	flags.Var(&opts.abort, "abort-if-returned", "stop when this share of the messages of --ramp died again")
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

// registerAll adds the flags that replay and move share.
func (o *replayOptions) registerAll(cmd *cobra.Command) {
	o.common.Register(cmd)
	o.selection.register(cmd)
	o.browsing.register(cmd)
	flags := cmd.Flags()
	usage := "`DESTINATION`: origin, queue:Q, exchange:X or exchange:X/KEY (default: the queue in which each message died)"
	if o.move {
		usage = "`DESTINATION`: queue:Q, exchange:X or exchange:X/KEY"
	}
	flags.StringVar(&o.to, "to", "", usage)
	o.selection.registerLimit(cmd, "send")
	flags.Float64Var(&o.rate, "rate", 0, "maximum messages per second; 0 is no limit")
	flags.StringVar(&o.jq, "jq", "", "change each message with a jq `PROGRAM` that may assign to .body and .headers")
	o.files.Register(cmd)
	flags.Lookup("file").Usage = "`FILE` with a topology: an event that --jq changed must satisfy its schema (default: " +
		"MSGCTL_FILE, the context's, or topology.yaml)"
	flags.BoolVar(&o.unchecked, "no-validate", false, "send what --jq makes of events even when their schema refuses it")
	flags.BoolVar(&o.dryRun, "dry-run", false,
		"send nothing; show how many messages would go where, and which would stay and why")
	flags.BoolVar(&o.copyOnly, "copy", false, "send copies and leave the originals in the queue")
	flags.IntVar(&o.prefetch, "prefetch", 0,
		"maximum messages in flight, which bounds the duplicates after a crash (default 2500, of a quorum queue 1000, "+
			"fewer of large messages)")
}

// check refuses wrong flags before anything is dialled.
func (o *replayOptions) check() (err error) {
	cmd := o.common.Cmd
	switch {
	case o.queue != "" && o.all:
		return cmdutil.UsageError("name a queue or pass --all", "%sa queue and --all exclude each other", cmdutil.Where(cmd))
	case o.rate < 0 || o.maxReplays < 0 || o.prefetch < 0 || o.prefetch > 65535:
		return cmdutil.UsageError("0 is no limit",
			"%s--rate, --max-replays and --prefetch (at most 65535) cannot be negative",
			cmdutil.Where(cmd))
	case len(o.ramp) == 0 && (cmd.Flags().Changed("settle") || cmd.Flags().Changed("abort-if-returned")):
		return cmdutil.UsageError("add --ramp 1,10,100", "%s--settle and --abort-if-returned need --ramp",
			cmdutil.Where(cmd))
	case len(o.ramp) > 0 && o.copyOnly:
		return cmdutil.UsageError("remove --copy or --ramp; --limit 10 --copy sends 10 copies",
			"%s--copy and --ramp exclude each other: every stage would send the same messages, because they stay in the queue",
			cmdutil.Where(cmd))
	case o.move && o.to == "":
		return cmdutil.UsageError(cmd.CommandPath()+" QUEUE --to queue:NAME, exchange:NAME/KEY or origin",
			"%sflag --to is missing", cmdutil.Where(cmd))
	}
	for _, stage := range o.ramp {
		if stage < 1 {
			return cmdutil.UsageError("write, for example: --ramp 1,10,100", "%sflag --ramp: a stage cannot have %d messages",
				cmdutil.Where(cmd), stage)
		}
	}
	if o.destination, err = parseTo(cmd, o.to); err != nil {
		return err
	}
	if o.move && o.destination.Kind == replay.ToOrigin {
		return cmdutil.UsageError("msgctl dlq replay "+shell.Quote(o.queue)+" --to origin",
			"%s--to origin works with dlq replay only",
			cmdutil.Where(cmd))
	}
	if o.queue != "" && o.destination.Kind == replay.ToQueue && o.destination.Queue == o.queue {
		return cmdutil.UsageError("name another queue with --to", "%squeue %q is both the source and the target",
			cmdutil.Where(cmd), o.queue)
	}
	if err := o.selection.check(cmd); err != nil {
		return err
	}
	if o.jq != "" {
		if o.transform, err = transform.New(o.jq); err != nil {
			return cmdutil.UsageError("see: https://jqlang.org/manual/", "%sflag --jq: %v", cmdutil.Where(cmd), err)
		}
	}
	return nil
}

// checkChanged returns the validation of events that a jq program changed.
func (o *replayOptions) checkChanged(v *connectedVHost) (func(before, after *message.Message) error, error) {
	if o.transform == nil || o.unchecked {
		return nil, nil
	}
	known, err := o.common.Deps.CatalogueIfAny(&o.files, v.connection)
	if err != nil || known == nil {
		return nil, err
	}
	return func(before, after *message.Message) error {
		if err := known.Catalogue.CheckChanged(before, after); err != nil {
			return fmt.Errorf("invalid after --jq: %w", err)
		}
		return nil
	}, nil
}

func runReplay(ctx context.Context, opts *replayOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	v, err := openVHost(ctx, opts.common.Deps, opts.open, opts.command(), opts.connection)
	if err != nil {
		return err
	}
	defer v.close()
	v.given = flagsGiven(opts.common.Cmd)
	if opts.checkEvents, err = opts.checkChanged(v); err != nil {
		return err
	}
	if err := v.CheckDestination(opts.destination); err != nil {
		return cmdmsg.AdviseMissing(err)
	}
	names, err := opts.queues(ctx, v)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return opts.nothing(v)
	}
	if len(names) == 1 {
		return opts.one(ctx, v, names[0])
	}
	return opts.inTurn(ctx, v, names)
}

// nothing ends a run that found no queue to take messages from.
func (o *replayOptions) nothing(v *connectedVHost) error {
	o.common.Deps.Say("No dead-letter queue of vhost %q holds messages.", v.Name)
	if o.common.Output.Value == "text" {
		return nil
	}
	doc := deadletters.NewRunDocument(o.action(), replay.Result{}, 0)
	doc.VHost, doc.DryRun = v.Name, o.dryRun
	return o.common.Show(doc)
}

// inTurn processes one queue after another. A queue that is refused does not stop the others.
func (o *replayOptions) inTurn(ctx context.Context, v *connectedVHost, names []string) error {
	codes := map[int]bool{}
	for _, name := range names {
		codes[o.common.Deps.Report(ctx, o.one(ctx, v, name))] = true
		if ctx.Err() != nil {
			return cmdutil.ExitWith(cmdutil.ExitInterrupted)
		}
	}
	if len(codes) > 1 {
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	for code := range codes {
		if code != cmdutil.ExitOK {
			return cmdutil.ExitWith(code)
		}
	}
	return nil
}

func (o *replayOptions) command() string {
	if o.move {
		return "dlq move"
	}
	return "dlq replay"
}

// queues returns the selected queues: the one named, the only one that holds messages, the one
// chosen at the prompt, or all.
func (o *replayOptions) queues(ctx context.Context, v *connectedVHost) ([]string, error) {
	if o.queue != "" {
		return []string{o.queue}, nil
	}
	unsearched, err := survey.Search(ctx, v.VHost, func(n int) { o.common.Deps.Say("%s", searchText(n, "")) })
	if err != nil {
		return nil, err
	}
	if unsearched > 0 {
		o.common.Deps.Say("Not checked for failed messages: %s, because browsing could do more than set the redelivered "+
			"flag, or because there are too many. To replay one of them, name it.",
			terminal.FormatPlural(int64(unsearched), "queue", "queues"))
	}
	var names, options []string
	for _, q := range v.Found.Queues {
		n := v.Counts[q.Name]
		switch {
		case q.Role != discover.RoleDeadLetter || n.Ready == 0:
		case q.Type == topology.Stream && !o.copyOnly:
			o.common.Deps.Say("Stream %s is skipped: a stream keeps its messages, so only copies can be sent (--copy).", q.Name)
		default:
			names = append(names, q.Name)
			options = append(options, fmt.Sprintf("%s  %d ready", q.Name, n.Ready))
		}
	}
	switch {
	case len(names) == 1 && !o.all:
		o.common.Deps.Say("The dead-letter queue that holds messages is %s.", names[0])
		return names, nil
	case len(names) <= 1 || o.all:
		return names, nil
	case o.common.Deps.Streams.InTTY:
		i, err := o.common.Deps.Streams.Choose(ctx, "Several dead-letter queues hold messages. Which one?", options,
			"the queue's name")
		if err != nil {
			return nil, err
		}
		if i < 0 {
			return nil, cmdutil.Declined(false)
		}
		return names[i : i+1], nil
	}
	given := flagsGiven(o.common.Cmd)
	var hints []string
	for i, name := range names {
		hints = append(hints, fmt.Sprintf("msgctl %s %s%s   (%s)", o.command(), shell.Quote(name), given,
			options[i][len(name)+2:]))
	}
	hints = append(hints, "msgctl "+o.command()+" --all"+given)
	return nil, cmdutil.UsageError(strings.Join(hints, "\n"),
		"%s%d dead-letter queues hold messages: name one, or pass --all",
		cmdutil.Where(o.common.Cmd), len(names))
}

// percentValue is a percentage, written with or without the percent sign.
type percentValue float64

// String, Set and Type make it a flag's value.
func (v *percentValue) String() string { return strconv.FormatFloat(float64(*v), 'g', -1, 64) + "%" }

// Set parses 5 or 5%.
func (v *percentValue) Set(s string) error {
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(f >= 0 && f <= 100) { // also refuses NaN
		return errors.New("want a percentage from 0 to 100, for example 5%")
	}
	*v = percentValue(f)
	return nil
}

// Type names the value in help.
func (v *percentValue) Type() string { return "percentage" }
