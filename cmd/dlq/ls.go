package dlq

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/survey"
)

const listLong = `List every dead-letter queue of a vhost, to see at a glance where messages
failed. Dead-letter queues are found by queue arguments, effective policies and
bindings, through exchanges and alternate exchanges. Error queues of frameworks
are found by their names and by their first message: NServiceBus, MassTransit,
Spring AMQP, Rebus and EasyNetQ record the failure there. Queues whose dead
letters reach no queue are listed at the end: they are losing messages now. So
are queues whose delivery limit --guard lifts, or a killed command left lifted.

OLDEST is the age of the first message. To learn it, msgctl browses the first
message of each queue where that only sets the redelivered flag: not where
consumers are active, nor where browsing counts as a delivery. Of the queues
that are dead-letter queues neither by topology nor by name, it browses at most
the 20 with the most messages. --no-browse browses none.`

type listOptions struct {
	open       OpenBroker
	proc       *cmdutil.Process
	connection *profile.Flags
	output     cmdutil.OutputFlag
	match      string
	watch      bool
	interval   time.Duration
	noBrowse   bool
	allVHosts  bool
}

func newListCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &listOptions{open: open, proc: d}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List dead-letter queues, and queues that lose their dead letters",
		Long:    listLong,
		Example: "  msgctl dlq ls\n  msgctl dlq ls --watch\n  msgctl dlq ls --match 'failed$' -o json\n  msgctl dlq ls " +
			"--all-vhosts",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), opts) },
	}
	opts.output.Register(cmd, "table", "json", "ndjson", "yaml")
	flags := cmd.Flags()
	flags.StringVar(&opts.match, "match", "", "also list queues whose name matches this `REGEXP`")
	flags.BoolVarP(&opts.watch, "watch", "w", false, "refresh until interrupted, and show how each queue grows")
	flags.DurationVar(&opts.interval, "interval", 2*time.Second, "refresh interval of --watch")
	flags.BoolVar(&opts.noBrowse, "no-browse", false,
		"browse no queue: ages are not shown, and error queues are not found by their content")
	flags.BoolVarP(&opts.allVHosts, "all-vhosts", "A", false, "list the queues of every vhost that the user may access")
	opts.connection = cmdutil.ReaderFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("all-vhosts", "vhost")
	return cmd
}

func runList(ctx context.Context, opts *listOptions) error {
	match, err := cmdmsg.CompileMatch(opts.match)
	if err != nil {
		return err
	}
	if opts.interval < 200*time.Millisecond {
		return cmdutil.UsageError("write, for example: --interval 2s",
			"dlq ls: flag --interval: %s is too short: it must be 200ms or more", opts.interval)
	}
	v, err := connectVHost(ctx, opts.proc, opts.open, "dlq ls", opts.connection, match)
	if err != nil {
		return err
	}
	defer v.close()
	w := &listing{listOptions: opts, v: v}
	w.survey = survey.New(v.broker, survey.Options{VHost: v.Options, Only: !opts.allVHosts, NoHeads: opts.noBrowse,
		BeforeSearch: w.tellSearch})
	if !opts.watch {
		return w.list(ctx)
	}
	if opts.output.Value == "table" && opts.proc.Streams.OutTTY {
		w.frame = terminal.NewFrame(opts.proc.Streams.Out)
	}
	return w.watch(ctx)
}

// listing lists once, or repeatedly with --watch.
type listing struct {
	*listOptions
	v      *connectedVHost
	survey *survey.Survey
	// said is the last notice about the effects of browsing; "" if there was none yet.
	said string
	// frame redraws the list on a terminal; nil elsewhere.
	frame *terminal.Frame
}

func (w *listing) watch(ctx context.Context) error {
	for {
		if err := w.list(ctx); err != nil {
			return endOfWatch(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.interval):
		}
	}
}

// endOfWatch makes Ctrl-C a normal end of --watch.
func endOfWatch(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func (w *listing) list(ctx context.Context) error {
	doc, err := w.document(ctx)
	if err != nil {
		return err
	}
	streams := w.proc.Streams
	switch w.output.Value {
	case "json", "yaml":
		_, err := w.output.Encode(streams.Out, doc)
		return err
	case "ndjson":
		for _, q := range doc.Queues {
			if err := render.JSONLine(streams.Out, q); err != nil {
				return err
			}
		}
		return nil
	}
	if w.frame != nil {
		return w.showInPlace(doc)
	}
	if w.listOptions.watch {
		fmt.Fprintf(streams.Out, "%s\n", doc.At.Format(time.RFC3339))
	}
	return deadletters.ListText(streams.Out, doc, streams.OutStyler(w.proc.Colour), streams.OutWidth())
}

func (w *listing) scope(doc deadletters.ListDocument) string {
	if w.allVHosts {
		return terminal.FormatPlural(int64(len(doc.VHosts)), "vhost", "vhosts")
	}
	return "vhost " + cmdutil.Clean(doc.VHost)
}

// showInPlace redraws the list at the terminal's current size.
func (w *listing) showInPlace(doc deadletters.ListDocument) error {
	streams := w.proc.Streams
	rows := streams.Measure()
	style := streams.OutStyler(w.proc.Colour)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, every %s, %s", w.scope(doc), w.interval, doc.At.Local().Format(time.TimeOnly))
	if n := doc.LosingNow(); n > 0 { // they are listed last, and may not fit
		b.WriteString(", " + style.Red(terminal.FormatPlural(int64(n), "queue is", "queues are")+" losing dead letters"))
	}
	b.WriteString("\n")
	for _, line := range terminal.Wrap(w.said, streams.OutWidth()) {
		b.WriteString(style.Dim(line) + "\n")
	}
	b.WriteString("\n")
	if err := deadletters.ListText(&b, doc, style, streams.OutWidth()); err != nil {
		return err
	}
	return w.frame.Show(b.String(), rows)
}

// document reads and browses every selected vhost.
func (w *listing) document(ctx context.Context) (deadletters.ListDocument, error) {
	now := time.Now()
	doc := deadletters.ListDocument{FormatVersion: deadletters.FormatVersion, At: now.UTC(),
		Queues: []deadletters.QueueDocument{},
		Losing: []deadletters.LosingDocument{}}
	names := []string{w.v.Name}
	if w.allVHosts {
		var err error
		if names, err = w.v.broker.VHosts(ctx); err != nil {
			return doc, err
		}
		doc.VHosts = names
	} else {
		doc.VHost = w.v.Name
	}
	vhosts, err := w.survey.Read(ctx, names)
	if err != nil {
		return doc, cmdmsg.AdviseMissing(err)
	}
	for _, v := range vhosts {
		w.add(&doc, v, now)
	}
	return doc, nil
}

// tellSearch announces once what browsing queues that may be error queues does.
func (w *listing) tellSearch(queues int) {
	if w.said == "" {
		w.said = searchText(queues, " (--no-browse browses none)")
		w.proc.Say("%s", w.said)
	}
}

// searchText describes what browsing queues that may be error queues does, and how to avoid it.
func searchText(queues int, without string) string {
	return fmt.Sprintf("Browsing the first message of %s without consumers for failed messages; this sets its "+
		"redelivered flag%s.",
		terminal.FormatPlural(int64(queues), "queue", "queues"), without)
}

// add adds the result of a vhost to the document.
func (w *listing) add(doc *deadletters.ListDocument, v *survey.VHost, now time.Time) {
	if v.Closed != "" {
		doc.Unsure = append(doc.Unsure, v.Closed)
		return
	}
	prefix := ""
	if w.allVHosts {
		prefix = fmt.Sprintf("vhost %q: ", v.Name)
	}
	for _, q := range v.Queues() {
		doc.Queues = append(doc.Queues, deadletters.NewQueueDocument(q, now))
	}
	for _, l := range v.Found.Losing {
		doc.Losing = append(doc.Losing, deadletters.NewLosingDocument(l))
	}
	for _, l := range browse.LiftedLimits(&v.Live.State) {
		if l.VHost == v.Name {
			doc.Lifted = append(doc.Lifted, deadletters.NewLiftedDocument(l))
		}
	}
	for _, u := range v.Found.Unsure {
		doc.Unsure = append(doc.Unsure, prefix+u)
	}
	for _, why := range v.Unread {
		doc.Unsure = append(doc.Unsure, fmt.Sprintf("%sa first message was not read, so its age is not known, nor whether "+
			"it failed elsewhere: %s", prefix, why))
	}
	if v.Unsearched > 0 {
		doc.Unsure = append(doc.Unsure,
			fmt.Sprintf("%snot checked for failed messages: %s with messages and without consumers, because "+
				"browsing could do more than set the redelivered flag, or because there are too many; --match lists queues by name",
				prefix, terminal.FormatPlural(int64(v.Unsearched), "queue", "queues")))
	}
}
