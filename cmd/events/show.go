package events

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
)

type eventsShowOptions struct {
	common eventsOptions
	typ    string
}

// showEventDocument is what `events show -o json` prints.
type showEventDocument struct {
	FormatVersion string `json:"format_version"`
	events.TypeDocument
}

func newEventsShowCmd(d *cmdutil.Process) *cobra.Command {
	opts := &eventsShowOptions{common: eventsOptions{proc: d}}
	cmd := &cobra.Command{
		Use:               "show TYPE",
		Short:             "Show one event: routing, fields, an example, its queues",
		Example:           "  msgctl events show order.created",
		Args:              cmdutil.Args("TYPE"),
		ValidArgsFunction: cmdutil.CompleteEvents(d, &opts.common.files),
		RunE: func(_ *cobra.Command, names []string) error {
			opts.typ = names[0]
			return runEventsShow(opts)
		},
	}
	opts.common.files.Register(cmd)
	opts.common.output.Register(cmd, "text", "json", "yaml")
	return cmd
}

func runEventsShow(opts *eventsShowOptions) error {
	d, err := opts.common.read()
	if err != nil {
		return err
	}
	t, err := d.Catalogue.Type(opts.typ)
	if err != nil {
		return cmdutil.UnknownType(err, "msgctl events show")
	}
	doc := document(d, t)
	if doc.Fields, err = d.Catalogue.Fields(opts.typ); err != nil {
		doc.Problem = err.Error()
	} else if doc.Example, err = d.Catalogue.Sample(opts.typ); err != nil {
		doc.Problem = err.Error()
	}
	streams := opts.common.proc.Streams
	if done, err := opts.common.output.Encode(streams.Out, showEventDocument{events.PublishFormatVersion, doc}); done {
		return err
	}
	return events.TypeText(streams.Out, doc, streams.OutStyler(opts.common.proc.Colour), streams.OutWidth())
}

type eventsSampleOptions struct {
	common   eventsOptions
	typ      string
	generate bool
}

func newEventsSampleCmd(d *cmdutil.Process) *cobra.Command {
	opts := &eventsSampleOptions{common: eventsOptions{proc: d}}
	cmd := &cobra.Command{
		Use:   "sample TYPE",
		Short: "Print a valid payload of an event",
		Long: `Print a valid payload of an event, as a starting point for publish or a test.
It is the first valid example of the catalogue, or one generated from the
schema. The same catalogue always gives the same payload.`,
		Example: "  msgctl events sample order.created > payload.json\n  msgctl events sample order.created | " +
			"msgctl publish order.created",
		Args:              cmdutil.Args("TYPE"),
		ValidArgsFunction: cmdutil.CompleteEvents(d, &opts.common.files),
		RunE: func(_ *cobra.Command, names []string) error {
			opts.typ = names[0]
			return runEventsSample(opts)
		},
	}
	opts.common.files.Register(cmd)
	cmd.Flags().BoolVar(&opts.generate, "generate", false,
		"generate it from the schema even if the catalogue has an example")
	return cmd
}

func runEventsSample(opts *eventsSampleOptions) error {
	d, err := opts.common.read()
	if err != nil {
		return err
	}
	if _, err := d.Catalogue.Type(opts.typ); err != nil {
		return cmdutil.UnknownType(err, "msgctl events sample")
	}
	sample := d.Catalogue.Sample
	if opts.generate {
		sample = d.Catalogue.Generate
	}
	text, err := sample(opts.typ)
	if err != nil {
		return err
	}
	streams := opts.common.proc.Streams
	pretty, err := render.IndentJSON(text)
	if err != nil {
		return err
	}
	if streams.OutTTY {
		pretty = terminal.NeutraliseBlock(pretty)
	}
	_, err = fmt.Fprintln(streams.Out, pretty)
	return err
}
