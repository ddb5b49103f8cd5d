package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/publish/compose"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// dryRun shows a message, and where it would go.
func (r *publishing) dryRun(ctx context.Context, from given) error {
	m, err := r.makeOne(from)
	if err != nil {
		return err
	}
	doc := events.NewDryRunDocument(r.vhost, m.Target, m.Message)
	doc.Optional = r.props.unroutable
	r.reach(ctx, &doc, m)
	streams := r.proc.Streams
	if done, err := r.output.Encode(streams.Out, doc); done {
		return err
	}
	return events.DryRunText(streams.Out, doc, streams.OutStyler(r.proc.Colour), streams.OutWidth())
}

// reach adds which queues get a copy, according to the topology file or else to the broker, and
// which of them drop messages. The broker is asked only if it is named.
func (r *publishing) reach(ctx context.Context, doc *events.DryRunDocument, m compose.Message) {
	live, unread := r.previewLive(ctx)
	var (
		state   *topology.State
		version string
	)
	switch {
	case r.declared != nil:
		state = r.declared.State
	case live != nil:
		state, version = &live.State, live.Server.Version
	case unread != nil:
		doc.Unsure = []string{r.unreadLimits(unread)}
		return
	default:
		doc.Unsure = []string{"there is no topology file and no broker is named, so the queues are unknown"}
		return
	}
	trace := route.New(state, r.vhost, version).Route(route.Publication{
		Exchange: m.Target.Exchange, Key: m.Target.Key, Headers: amqptable.NormaliseTable(m.Message.Headers)})
	doc.Known, doc.Reaches, doc.Unsure = true, trace.Sure(), trace.Unsure()
	for _, q := range trace.Possible() {
		if !slices.Contains(doc.Reaches, q) {
			doc.Possibly = append(doc.Possibly, q)
		}
	}
	drops := newDropFinder(r.vhost, live, r.declaredState())
	doc.Drops = drops.of(slices.Concat(doc.Reaches, doc.Possibly), m.Message.Expiration)
	if unread != nil {
		doc.Unsure = append(doc.Unsure, r.unreadLimits(unread))
	}
}

// previewLive reads the broker for a dry run: nil if none is named, or if it cannot be read.
func (r *publishing) previewLive(ctx context.Context) (live *topology.Live, unread error) {
	if !namesBroker(r.conn) {
		return nil, nil
	}
	b, err := r.publishOptions.open(ctx, r.conn, "publish")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return readForPreview(ctx, b, r.vhost)
}

func (r *publishing) unreadLimits(why error) string {
	if r.declared == nil {
		return fmt.Sprintf("there is no topology file, and the broker cannot be read: %v", why)
	}
	return fmt.Sprintf("the limits of the queues are those of the topology file, because the broker cannot be read: %v",
		why)
}

func (r *publishing) declaredState() *topology.State {
	if r.declared == nil {
		return nil
	}
	return r.declared.State
}

// dryRunFile validates every line of a file and sends nothing.
func (r *publishing) dryRunFile(ctx context.Context) error {
	in, closeInput, err := r.openNDJSON()
	if err != nil {
		return err
	}
	defer closeInput()
	src := r.lines(bulk.NewLines(in, 0, 0), nil)
	doc := events.NewDryRunFileDocument(r.typ, r.vhost, r.bulk.ndjson)
	live, unread := r.previewLive(ctx)
	if unread != nil {
		r.proc.Warn(r.unreadLimits(unread))
	}
	drops := newDropFinder(r.vhost, live, r.declaredState())
	for {
		item, err := src()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		doc.Add(item.Line, item.Err)
		if item.Err == nil {
			doc.Drops = append(doc.Drops, drops.reachedBy(item.Target, item.Message)...)
		}
	}
	s := r.proc.Streams
	done, err := r.output.Encode(s.Out, doc)
	if !done {
		err = events.DryRunFileText(s.Out, s.Err, doc)
	}
	if err == nil && doc.Invalid > 0 {
		err = cmdutil.ExitWith(cmdutil.ExitFailed)
	}
	return err
}

func (r *publishing) openNDJSON() (io.Reader, func(), error) {
	if r.bulk.ndjson == "-" {
		return r.proc.Stdin(), func() {}, nil
	}
	f, err := r.proc.Open(r.bulk.ndjson)
	if err != nil {
		return nil, nil, cmdutil.CannotRead("the events", err)
	}
	return f, func() { _ = f.Close() }, nil // opened only for reading
}
