package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const routeLong = `Show where a message would go, and why: through exchanges, bindings, alternate
exchanges and policies to queues. With --reject, --expire, --overflow or
--exhaust, also show what happens when the message dies in a queue: its path
through dead-letter exchanges and retry queues to the queue where it stays, or
the point where it is lost. Nothing is published. The simulation uses a topology
file, RabbitMQ definitions, or with --live the topology of a broker.

Name the message by a declared event, or by --exchange and --key. Several deaths
happen one after another, in the order of the flags. Where an exchange chooses
by hash or at random, every outcome is shown.

Exit code 0: the message ends in a queue in every outcome. 2: it is lost or
refused in at least one.`

const routeExample = `  msgctl route order.created
  msgctl route --exchange orders.exchange --key order.paid --reject orders.paid.queue
  msgctl route -f definitions.json --exchange '' --key orders --header tenant=acme --broker 3.10
  msgctl route --live --exchange orders.exchange --key order.created -o json`

type routeOptions struct {
	proc          *cmdutil.Process
	open          OpenReader
	connection    *profile.Flags
	source        sourceOptions
	output        cmdutil.OutputFlag
	event         string
	exchange, key string
	hasExchange   bool
	headers       []string
	cc, bcc       []string
	steps         []route.Step
	vhost         string
	names         []string // of the files
}

// NewRouteCmd is msgctl route.
func NewRouteCmd(d *cmdutil.Process, open OpenReader) *cobra.Command {
	opts := &routeOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "route [EVENT]",
		GroupID: cmdutil.GroupTopology,
		Short:   "Show where a message would go, and why",
		Long:    routeLong,
		Example: routeExample,
		Args:    cmdutil.Args("[EVENT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.event = args[0]
			}
			opts.hasExchange = cmd.Flags().Changed("exchange")
			if cmd.Flags().Changed("vhost") {
				opts.vhost = cmd.Flags().Lookup("vhost").Value.String()
			}
			return runRoute(cmd.Context(), opts)
		},
	}
	opts.source.register(cmd, "read the topology from a broker instead of files")
	opts.output.Register(cmd, "text", "json", "yaml")
	flags := cmd.Flags()
	flags.StringVar(&opts.exchange, "exchange", "",
		"exchange that the message is published to; '' is the default exchange")
	flags.StringVar(&opts.key, "key", "", "routing key of the message")
	flags.StringArrayVar(&opts.headers, "header", nil,
		"header, NAME=VALUE; 1, true and 1.5 are typed, \"1\" in quotes is a string; may be repeated")
	flags.StringArrayVar(&opts.cc, "cc", nil, "additional routing key in the CC header; may be repeated")
	flags.StringArrayVar(&opts.bcc, "bcc", nil, "additional routing key in the BCC header; may be repeated")
	registerSteps(cmd, &opts.steps)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func registerSteps(cmd *cobra.Command, steps *[]route.Step) {
	for _, s := range []struct {
		name, usage string
		reason      route.Reason
	}{
		{"reject", "then a consumer of this queue rejects it", route.Rejected},
		{"expire", "then it expires in this queue", route.Expired},
		{"overflow", "then this queue is full and drops it", route.MaxLength},
		{"exhaust", "then it is requeued to this queue until the delivery limit is exceeded", route.DeliveryLimit},
	} {
		cmd.Flags().Var(&stepValue{steps: steps, reason: s.reason}, s.name, s.usage)
	}
}

// stepValue is a flag that adds a death; the deaths happen in the order of the flags.
type stepValue struct {
	steps  *[]route.Step
	reason route.Reason
}

// String, Set and Type make it a flag's value.
func (v *stepValue) String() string { return "" }

// Set adds a death in a queue.
func (v *stepValue) Set(queue string) error {
	if queue == "" {
		return errors.New("want the name of a queue")
	}
	*v.steps = append(*v.steps, route.Step{Queue: queue, Reason: v.reason})
	return nil
}

// Type names the value in help.
func (v *stepValue) Type() string { return "queue" }

func runRoute(ctx context.Context, opts *routeOptions) error {
	publication, err := opts.publication()
	if err != nil {
		return err
	}
	n, event, err := opts.network(ctx)
	if err != nil {
		return err
	}
	if event != nil {
		publication.Exchange, publication.Key = event.Exchange, event.Key
	}
	for _, s := range opts.steps {
		if n.Queue(s.Queue) == nil {
			return opts.noSuchQueue(n, s.Queue)
		}
	}
	trace, err := n.Follow(publication, opts.steps...)
	if err != nil {
		if opts.output.Value == "text" {
			_ = checks.RouteText(opts.proc.Streams.Out, trace, opts.proc.Streams.OutStyler(opts.proc.Colour),
				opts.proc.Streams.OutWidth())
		}
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: "name a queue that the message reaches"}
	}
	if err := opts.show(trace); err != nil {
		return err
	}
	if trace.MayBeLost() {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}

// noSuchQueue is a usage error if the topology files do not declare the queue, as for an event.
func (o *routeOptions) noSuchQueue(n *route.Network, name string) error {
	near := suggest.Nearest(name, n.QueueNames())
	if near != "" {
		near = fmt.Sprintf("did you mean %s?", near)
	}
	if o.source.live {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("queue %q does not exist in vhost %q", name,
			n.VHost()), Advice: cmp.Or(near, "msgctl export lists the queues")}
	}
	hint := cmp.Or(near, "declared queues: "+cmp.Or(strings.Join(n.QueueNames(), ", "), "none"))
	return cmdutil.UsageError(hint, "queue %q is not declared in %s", name, strings.Join(o.names, ", "))
}

func (o *routeOptions) show(t *route.Trace) error {
	streams := o.proc.Streams
	if done, err := o.output.Encode(streams.Out, checks.NewRouteDocument(t)); done {
		return err
	}
	return checks.RouteText(streams.Out, t, streams.OutStyler(o.proc.Colour), streams.OutWidth())
}

// publication is the message that the flags describe. If an event is named, its exchange and key
// come from its file.
func (o *routeOptions) publication() (route.Publication, error) {
	switch {
	case o.event != "" && o.hasExchange:
		return route.Publication{}, cmdutil.UsageError("msgctl route "+o.event,
			"an event and --exchange exclude each other: the event declares its exchange")
	case o.event == "" && !o.hasExchange:
		return route.Publication{}, cmdutil.UsageError("msgctl route EVENT, or msgctl route --exchange X --key K",
			"name an event or --exchange")
	}
	p := route.Publication{Exchange: o.exchange, Key: o.key, CC: o.cc, BCC: o.bcc}
	headers := map[string]any{}
	for _, h := range o.headers {
		name, text, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return p, cmdutil.UsageError("--header tenant=acme", "--header %q is not NAME=VALUE", h)
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value = text
		}
		headers[name] = value
	}
	p.Headers = amqptable.NormaliseTable(headers)
	return p, nil
}

// network reads the topology, and the event if one is named.
func (o *routeOptions) network(ctx context.Context) (*route.Network, *route.Publication, error) {
	if err := o.source.check("route"); err != nil {
		return nil, nil, err
	}
	if !o.source.live {
		return o.fromFiles()
	}
	if o.event != "" {
		return nil, nil, cmdutil.UsageError("name --exchange and --key instead",
			"events are declared in files, and --live reads no files")
	}
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, nil, err
	}
	b, err := o.open(ctx, conn, "route")
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	live, err := b.Everything(ctx, []string{conn.VHost})
	if err != nil {
		return nil, nil, err
	}
	if err := live.MissingVHost(); err != nil {
		return nil, nil, err
	}
	return route.New(&live.State, conn.VHost, cmp.Or(o.source.broker.value, live.Server.Version)), nil, nil
}

func (o *routeOptions) fromFiles() (*route.Network, *route.Publication, error) {
	names, err := o.source.files.Names(o.proc, "")
	if err != nil {
		return nil, nil, err
	}
	o.names = names
	declared, state, err := o.proc.ReadSound(names, cmdutil.VHostChoice{})
	if err != nil {
		return nil, nil, err
	}
	vhost, err := chooseNetwork(state, o.vhost)
	if err != nil {
		return nil, nil, err
	}
	sections := sectionsOf(declared, state, vhost)
	n := route.New(state, vhost, o.source.broker.value, routetest.External(vhost, sections)...)
	if o.event == "" {
		return n, nil, nil
	}
	e := sections.Events[o.event]
	if e == nil {
		known := slices.Sorted(maps.Keys(sections.Events))
		hint := "declared events: " + cmp.Or(strings.Join(known, ", "), "none")
		if near := suggest.Nearest(o.event, known); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return nil, nil, cmdutil.UsageError(hint, "event %q is not declared in %s", o.event,
			strings.Join(names, ", "))
	}
	p := routetest.EventPublication(e, o.event)
	return n, &p, nil
}

func sectionsOf(s *spec.Spec, state *topology.State, vhost string) *spec.Sections {
	if v := s.VHosts[vhost]; v != nil && vhost != state.Home {
		return &v.Sections
	}
	return &s.Sections
}

// chooseNetwork selects the vhost: the one named, the files' own, or the only one with exchanges or
// queues. A name that the files do not have replaces that of their only vhost, which changes no
// route.
func chooseNetwork(state *topology.State, named string) (string, error) {
	used := map[string]bool{}
	for ref := range state.All() {
		if ref.Kind == topology.KindExchange || ref.Kind == topology.KindQueue {
			used[ref.VHost] = true
		}
	}
	names := slices.Sorted(maps.Keys(used))
	switch {
	case used[named]:
		return named, nil
	case named != "" && len(used) > 1:
		hint := "--vhost " + shell.Quote(cmp.Or(suggest.Nearest(named, names), names[0]))
		return "", cmdutil.UsageError(hint, "the files declare several vhosts (%s), and %q is none of them",
			strings.Join(names, ", "), named)
	case used[state.Home] || len(used) == 0:
		return state.Home, nil
	case len(used) == 1:
		return names[0], nil
	}
	return "", cmdutil.UsageError("--vhost "+shell.Quote(names[0]), "the files declare several vhosts (%s): name one",
		strings.Join(names, ", "))
}
