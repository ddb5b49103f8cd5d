package publish

import (
	"cmp"
	"context"
	"fmt"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/compose"
	"github.com/msgctl/msgctl/pkg/topology"
)

// publishing is one run of the command.
type publishing struct {
	*publishOptions
	conn     *profile.Connection
	vhost    string
	declared *cmdutil.Declared // nil without a topology file
	composer compose.Composer
	// header holds the headers that flags set.
	header message.Table
	traces *tracing.Tracing // nil without
	// tellDrops tells about queues that drop a message; nil until publishing begins.
	tellDrops func(publish.Target, *message.Message)
}

// prepare reads files and settings; it dials nothing.
func (o *publishOptions) prepare(ctx context.Context) (*publishing, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, err
	}
	r := &publishing{publishOptions: o, conn: conn, vhost: conn.VHost}
	untyped := o.cmd.Flags().Changed("exchange") || o.cmd.Flags().Changed("key")
	if err := r.declare(untyped); err != nil {
		return nil, err
	}
	decoration, err := o.props.decoration(o.cmd)
	if err != nil {
		return nil, err
	}
	r.header = decoration.Table()
	if untyped {
		r.composer = &compose.Raw{Target: publish.Target{Exchange: o.props.exchange, Key: o.props.key}, ID: o.props.id,
			ContentType: o.props.contentType, AppID: o.props.appID, Decoration: decoration, Begin: r.beginSpan}
		return r, r.checkDelay(ctx, o.props.exchange)
	}
	return r, r.typed(ctx, decoration)
}

// declare reads the topology files. They are optional for a message without a type.
func (r *publishing) declare(optional bool) error {
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
func (r *publishing) typed(ctx context.Context, decoration compose.Decoration) error {
	m := &compose.Events{Catalogue: r.declared.Catalogue, VHost: r.declared.State.Home, Metadata: r.meta,
		AggregateID: r.props.aggregate, Format: event.Format(r.format), AppID: cmp.Or(r.props.appID, r.declared.Name),
		Decoration: decoration, Begin: r.beginSpan}
	r.composer, r.vhost = m, m.VHost
	if r.typ == "" {
		return nil
	}
	t, err := r.declared.Catalogue.Type(r.typ)
	if err != nil {
		return cmdutil.UnknownType(err, "msgctl publish")
	}
	m.Type, m.VHost, r.vhost = t, t.VHost, t.VHost
	return r.checkDelay(ctx, t.Exchange)
}

// checkDelay checks that --delay has an effect on the exchange.
func (r *publishing) checkDelay(ctx context.Context, exchange string) error {
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

// exchangeType reads the type from the broker, which may differ from the topology file. It uses the
// file only in a dry run, or if the broker's exchanges cannot be read. "" means that the exchange
// does not exist.
func (r *publishing) exchangeType(ctx context.Context, name string) (string, error) {
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
func (r *publishing) live(ctx context.Context) (*topology.Live, error) {
	b, err := r.publishOptions.open(ctx, r.conn, "publish")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Everything(ctx, []string{r.vhost})
}
