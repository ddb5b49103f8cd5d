// Package events has the commands about the catalogue of typed events. They read topology files and
// archives; none contacts a broker.
package events

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

const eventsLong = `List, show and check the typed domain events of the topology file (its section
"events"). It declares where each event is published and the JSON Schema
(2020-12) of its payload; formats are validated. No broker is needed.

Schemas, and the schemas that they refer to ($ref), are read from the directory
of the topology file and below. Nothing is fetched from the network.`

// NewCmd is msgctl events.
func NewCmd(d *cmdutil.Process) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("events", "List, show and check the typed domain events", eventsLong)
	cmd.AddCommand(newEventsListCmd(d), newEventsShowCmd(d), newEventsSampleCmd(d), newEventsValidateCmd(d),
		newEventsDiffCmd(d))
	cmd.GroupID, cmd.SuggestionsMinimumDistance = cmdutil.GroupEvents, 2
	cmd.Example = `  msgctl events ls                                    list events and their queues
  msgctl events show order.created                    show one event
  msgctl events sample order.created > payload.json   make a valid payload
  msgctl events validate events.ndjson                validate a file of events
  msgctl events diff main.yaml topology.yaml          find breaking changes`
	return cmd
}

// eventsOptions are the flags that the commands about the catalogue share.
type eventsOptions struct {
	proc   *cmdutil.Process
	files  cmdutil.FileFlag
	output cmdutil.OutputFlag
}

// read reads the catalogue of -f.
func (o *eventsOptions) read() (*cmdutil.Declared, error) {
	names, err := o.files.Names(o.proc, "")
	if err != nil {
		return nil, err
	}
	return o.proc.Catalogue(names, cmdutil.VHostChoice{})
}

// document describes a type and the queues that receive it according to the file.
func document(d *cmdutil.Declared, t *event.Type) events.TypeDocument {
	doc := events.NewTypeDocument(t)
	doc.Reaches = []string{}
	n := route.New(d.State, t.VHost, "")
	if key, ok := t.Key.Fixed(); ok {
		trace := n.Route(route.Publication{Exchange: t.Exchange, Key: key})
		if sure := trace.Sure(); len(sure) > 0 {
			doc.Reaches = sure
		}
		doc.Possibly = others(trace.Possible(), doc.Reaches)
		return doc
	}
	// The examples determine the routing of a template.
	for _, x := range t.Examples {
		e := &event.Envelope{Payload: x}
		if t.Complete(e) != nil {
			continue
		}
		if key, err := t.Key.Fill(e); err == nil {
			doc.Possibly = append(doc.Possibly, n.Route(route.Publication{Exchange: t.Exchange, Key: key}).Possible()...)
		}
	}
	slices.Sort(doc.Possibly)
	doc.Possibly = slices.Compact(doc.Possibly)
	return doc
}

func others(list, without []string) (rest []string) {
	for _, s := range list {
		if !slices.Contains(without, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

type eventsListOptions struct{ common eventsOptions }

func newEventsListCmd(d *cmdutil.Process) *cobra.Command {
	opts := &eventsListOptions{eventsOptions{proc: d}}
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the events, their exchanges and their queues",
		Long: `List the events of the catalogue: the exchange and key of each, and the queues
that receive it according to the topology file. An event that reaches no queue
is shown in red.`,
		Example: "  msgctl events ls\n  msgctl events ls -f topology.yaml -o json",
		Args:    cmdutil.Args(),
		RunE:    func(*cobra.Command, []string) error { return runEventsList(opts) },
	}
	opts.common.files.Register(cmd)
	opts.common.output.Register(cmd, "table", "json", "yaml")
	return cmd
}

func runEventsList(opts *eventsListOptions) error {
	d, err := opts.common.read()
	if err != nil {
		return err
	}
	problems := d.Catalogue.Compile()
	doc := events.ListDocument{FormatVersion: events.PublishFormatVersion, Events: []events.TypeDocument{}}
	for _, name := range d.Catalogue.Names() {
		t, err := d.Catalogue.Type(name)
		if err != nil {
			return err
		}
		e := document(d, t)
		if p := problems[name]; p != nil {
			e.Problem = p.Error()
		}
		doc.Events = append(doc.Events, e)
	}
	streams := opts.common.proc.Streams
	if done, err := opts.common.output.Encode(streams.Out, doc); done {
		return err
	}
	return events.ListText(streams.Out, doc, streams.OutStyler(opts.common.proc.Colour), streams.OutWidth())
}
