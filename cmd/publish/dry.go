package publish

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// dryRun shows a message, and where it would go.
func (r *publishRun) dryRun(from given) error {
	m, err := r.makeOne(from)
	if err != nil {
		return err
	}
	doc := events.NewDryRunDocument(r.vhost, m.target, m.message)
	doc.Optional = r.props.unroutable
	r.reach(&doc, m)
	streams := r.proc.Streams
	if done, err := r.output.Encode(streams.Out, doc); done {
		return err
	}
	return events.DryRunText(streams.Out, doc, streams.OutStyler(r.proc.Colour), streams.OutWidth())
}

// reach says which queues get a copy, by the topology file.
func (r *publishRun) reach(doc *events.DryRunDocument, m messageOf) {
	if r.declared == nil {
		doc.Unsure = []string{"there is no topology file, so that the queues are not known"}
		return
	}
	trace := route.New(r.declared.State, r.vhost, "").Route(route.Publication{
		Exchange: m.target.Exchange, Key: m.target.Key, Headers: amqptable.NormaliseTable(m.message.Headers)})
	doc.Known, doc.Reaches, doc.Unsure = true, trace.Sure(), trace.Unsure()
	for _, q := range trace.Possible() {
		if !slices.Contains(doc.Reaches, q) {
			doc.Possibly = append(doc.Possibly, q)
		}
	}
}

// dryRunFile checks every line of a file, and sends nothing.
func (r *publishRun) dryRunFile() error {
	in, closeInput, err := r.openNDJSON()
	if err != nil {
		return err
	}
	defer closeInput()
	src := r.lines(bulk.NewLines(in, 0, 0), nil)
	var counts bulk.Counts
	var failures []bulk.Result
	for {
		item, err := src()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if item.Err == nil {
			counts.Confirmed++
			continue
		}
		counts.Invalid++
		if len(failures) < 20 {
			failures = append(failures, bulk.Result{Line: item.Line, Outcome: bulk.Invalid, Err: item.Err})
		}
	}
	s := r.proc.Streams
	for _, f := range failures {
		fmt.Fprintln(s.Err, terminal.Neutralise(fmt.Sprintf("line %d: %v", f.Line, f.Err)))
	}
	fmt.Fprintf(s.Out, "%s would be sent, %s invalid\n", terminal.FormatPlural(counts.Confirmed, "event", "events"),
		terminal.FormatPlural(counts.Invalid, "line is", "lines are"))
	if counts.Invalid > 0 {
		return cmdutil.ExitWith(cmdutil.ExitFailed)
	}
	return nil
}

func (r *publishRun) openNDJSON() (io.Reader, func(), error) {
	if r.bulk.ndjson == "-" {
		return r.proc.Streams.In, func() {}, nil
	}
	f, err := os.Open(r.bulk.ndjson)
	if err != nil {
		return nil, nil, &cmdutil.ExitError{Code: cmdutil.ExitUsage, Err: fmt.Errorf("read the events: %w", err)}
	}
	return f, func() { _ = f.Close() }, nil // it is only read
}
