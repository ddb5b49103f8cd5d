package events

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/event/declare"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

const eventsDiffLong = `Compare two catalogues, or two JSON Schema files (*.json), for example in a pull
request, and report for each change whether it breaks consumers or producers:

  consumers   may receive something that they do not understand, or nothing:
              a field was removed or became optional, a type or value is new,
              the exchange changed
  producers   publish something that is now refused, and old events cannot be
              replayed: a field became required, a bound is tighter

Exit code 0: no breaking change. 2: at least one; if it is intended, publish it
as a new event or raise the event's version.`

type eventsDiffOptions struct {
	common   eventsOptions
	from, to string
}

// diffEventsDocument is what `events diff -o json` prints.
type diffEventsDocument struct {
	FormatVersion string         `json:"format_version"`
	Breaking      bool           `json:"breaking"`
	Changes       []event.Change `json:"changes"`
}

func newEventsDiffCmd(d *cmdutil.Process) *cobra.Command {
	opts := &eventsDiffOptions{common: eventsOptions{proc: d}}
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Find changes of events that break consumers or producers",
		Long:  eventsDiffLong,
		Example: "  msgctl events diff main/topology.yaml topology.yaml\n  msgctl events diff old.schema.json " +
			"new.schema.json -o markdown",
		Args: cmdutil.Args("OLD", "NEW"),
		RunE: func(_ *cobra.Command, names []string) error {
			opts.from, opts.to = names[0], names[1]
			return runEventsDiff(opts)
		},
	}
	opts.common.output.Register(cmd, "text", "json", "yaml", "markdown")
	return cmd
}

func runEventsDiff(opts *eventsDiffOptions) error {
	from, err := opts.catalogueOf(opts.from)
	if err != nil {
		return err
	}
	to, err := opts.catalogueOf(opts.to)
	if err != nil {
		return err
	}
	changes, err := event.Compare(from, to)
	if err != nil {
		return err
	}
	doc := diffEventsDocument{FormatVersion: events.PublishFormatVersion, Changes: changes}
	if changes == nil {
		doc.Changes = []event.Change{}
	}
	for _, c := range changes {
		doc.Breaking = doc.Breaking || c.Breaks != ""
	}
	if err := opts.show(doc); err != nil {
		return err
	}
	if doc.Breaking {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}

// catalogueOf reads a topology file, or wraps one schema file in a catalogue.
func (o *eventsDiffOptions) catalogueOf(name string) (*event.Catalogue, error) {
	if strings.HasSuffix(name, ".schema.json") || holdsSchema(name) {
		if _, err := os.Stat(name); err != nil {
			return nil, cmdutil.UsageError("", "read the schema: %w", err)
		}
		return event.NewCatalogue([]event.Type{{Name: "schema", Files: declare.Folder(filepath.Dir(name)),
			SchemaFile: filepath.Base(name)}}), nil
	}
	d, err := o.common.proc.Catalogue([]string{name}, cmdutil.VHostChoice{})
	if err != nil {
		return nil, err
	}
	return d.Catalogue, nil
}

// holdsSchema looks into a *.json: a schema has keywords at its top, and nothing that a topology or
// a definitions file has.
func holdsSchema(name string) bool {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > source.MaxBytes ||
		!strings.EqualFold(filepath.Ext(name), ".json") {
		return false
	}
	text, err := os.ReadFile(name)
	var keys map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &keys) != nil {
		return false
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := keys[n]; return ok })
	}
	return has("$schema", "$id", "$ref", "$defs", "type", "properties", "required", "items", "enum", "const", "allOf",
		"anyOf", "oneOf") && !has("version", "events", "exchanges", "queues", "vhosts", "users", "bindings", "policies")
}

func (o *eventsDiffOptions) show(doc diffEventsDocument) error {
	streams := o.common.proc.Streams
	if done, err := o.common.output.Encode(streams.Out, doc); done {
		return err
	}
	if o.common.output.Value == "markdown" {
		return events.ChangesMarkdown(streams.Out, doc.Changes)
	}
	style := streams.OutStyler(o.common.proc.Colour)
	if len(doc.Changes) == 0 {
		_, err := fmt.Fprintln(streams.Out, style.Green("No event changed."))
		return err
	}
	if err := events.Changes(streams.Out, doc.Changes, style, streams.OutWidth()); err != nil {
		return err
	}
	breaking := int64(0)
	for _, c := range doc.Changes {
		if c.Breaks != "" {
			breaking++
		}
	}
	text := style.Green("no breaking change")
	if breaking > 0 {
		text = style.Red(terminal.FormatCount(breaking) + " breaking")
	}
	_, err := fmt.Fprintf(streams.Out, "\n%s: %s\n", terminal.FormatPlural(int64(len(doc.Changes)), "change", "changes"),
		text)
	return err
}
