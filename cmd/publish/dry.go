package publish

import (
	"errors"
	"io"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/publish/compose"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// dryRun shows a message, and where it would go.
func (r *publishRun) dryRun(from given) error {
	m, err := r.makeOne(from)
	if err != nil {
		return err
	}
	doc := events.NewDryRunDocument(r.vhost, m.Target, m.Message)
	doc.Optional = r.props.unroutable
	r.reach(&doc, m)
	streams := r.proc.Streams
	if done, err := r.output.Encode(streams.Out, doc); done {
		return err
	}
	return events.DryRunText(streams.Out, doc, streams.OutStyler(r.proc.Colour), streams.OutWidth())
}

// reach returns which queues get a copy according to the topology file.
func (r *publishRun) reach(doc *events.DryRunDocument, m compose.Message) {
	if r.declared == nil {
		doc.Unsure = []string{"there is no topology file, so the queues are unknown"}
		return
	}
	trace := route.New(r.declared.State, r.vhost, "").Route(route.Publication{
		Exchange: m.Target.Exchange, Key: m.Target.Key, Headers: amqptable.NormaliseTable(m.Message.Headers)})
	doc.Known, doc.Reaches, doc.Unsure = true, trace.Sure(), trace.Unsure()
	for _, q := range trace.Possible() {
		if !slices.Contains(doc.Reaches, q) {
			doc.Possibly = append(doc.Possibly, q)
		}
	}
}

// dryRunFile validates every line of a file and sends nothing.
func (r *publishRun) dryRunFile() error {
	in, closeInput, err := r.openNDJSON()
	if err != nil {
		return err
	}
	defer closeInput()
	src := r.lines(bulk.NewLines(in, 0, 0), nil)
	doc := events.NewDryRunFileDocument(r.typ, r.vhost, r.bulk.ndjson)
	for {
		item, err := src()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		doc.Add(item.Line, item.Err)
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

func (r *publishRun) openNDJSON() (io.Reader, func(), error) {
	if r.bulk.ndjson == "-" {
		return r.proc.Stdin(), func() {}, nil
	}
	f, err := r.proc.Open(r.bulk.ndjson)
	if err != nil {
		return nil, nil, cmdutil.CannotRead("the events", err)
	}
	return f, func() { _ = f.Close() }, nil // opened only for reading
}
