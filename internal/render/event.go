package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
)

// EventListDocument is a catalogue.
type EventListDocument struct {
	FormatVersion string          `json:"format_version"`
	Events        []EventDocument `json:"events"`
}

// EventDocument is one type of events.
type EventDocument struct {
	Type          string       `json:"type"`
	Description   string       `json:"description,omitempty"`
	Version       int64        `json:"version"`
	VHost         string       `json:"vhost"`
	Exchange      string       `json:"exchange"`
	Key           string       `json:"routing_key"`
	AggregateType string       `json:"aggregate_type,omitempty"`
	AggregateID   string       `json:"aggregate_id,omitempty"`
	Format        event.Format `json:"format"`
	Schema        string       `json:"schema,omitempty"`
	Declared      string       `json:"declared"`
	// Reaches are the queues that get it by the topology file; Possibly those that may, which the
	// payload or a broker's choice decides.
	Reaches  []string `json:"reaches"`
	Possibly []string `json:"possibly,omitempty"`
	// Problem says why its schema cannot be used.
	Problem string `json:"problem,omitempty"`
	// Fields and Example are those of events show.
	Fields  []event.Field   `json:"fields,omitempty"`
	Example json.RawMessage `json:"example,omitempty"`
}

// NewEventDocument makes the document of a type.
func NewEventDocument(t *event.Type) EventDocument {
	doc := EventDocument{Type: t.Name, Description: t.Description, Version: t.Version, VHost: t.VHost,
		Exchange: t.Exchange, Key: t.Key.String(),
		AggregateType: t.AggregateType, AggregateID: t.AggregateID, Format: t.Format, Schema: t.SchemaFile, Declared: t.At}
	if t.Schema != nil {
		doc.Schema = "inline"
	}
	return doc
}

// EventList writes the catalogue as a table.
func EventList(w io.Writer, doc EventListDocument, style terminal.Styler, width int) error {
	if len(doc.Events) == 0 {
		_, err := fmt.Fprintln(w, "The topology file declares no events.")
		return err
	}
	t := Table{Headers: []string{"TYPE", "VERSION", "EXCHANGE", "KEY", "REACHES", "SCHEMA"}}
	for _, e := range doc.Events {
		schema := e.Schema
		if schema == "" {
			schema = "none"
		}
		if e.Problem != "" {
			schema = "cannot be used: " + e.Problem
		}
		t.Rows = append(t.Rows, []string{e.Type, fmt.Sprint(e.Version), orDefault(e.Exchange), e.Key, reaches(e), schema})
	}
	t.Style = func(row, column int, text string) string {
		switch e := doc.Events[row]; {
		case column == 4 && len(e.Reaches)+len(e.Possibly) == 0, column == 5 && e.Problem != "":
			return style.Red(text)
		case column == 0:
			return style.Bold(text)
		}
		return text
	}
	return t.Write(w, width)
}

func reaches(e EventDocument) string {
	text := strings.Join(e.Reaches, ", ")
	if len(e.Possibly) > 0 {
		if text != "" {
			text += ", "
		}
		text += "perhaps " + strings.Join(e.Possibly, ", ")
	}
	if text == "" {
		return "no queue"
	}
	return text
}

// EventCard writes one type for people.
func EventCard(w io.Writer, e EventDocument, style terminal.Styler, width int) error {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s  %s\n", style.Dim(fmt.Sprintf("%-10s", name)), terminal.Neutralise(value))
		}
	}
	fmt.Fprintln(&b, style.Bold(terminal.Neutralise(e.Type)), "version", e.Version)
	if e.Description != "" {
		fmt.Fprintln(&b, terminal.Neutralise(e.Description))
	}
	fmt.Fprintln(&b)
	line("declared", e.Declared)
	line("vhost", e.VHost)
	line("exchange", orDefault(e.Exchange))
	line("key", e.Key)
	line("reaches", reaches(e))
	if e.AggregateType != "" {
		line("aggregate", e.AggregateType+", id at "+e.AggregateID)
	}
	line("format", string(e.Format))
	line("schema", e.Schema)
	line("problem", e.Problem)
	if len(e.Fields) > 0 {
		fmt.Fprintln(&b)
		if err := EventFields(&b, e.Fields, style, width); err != nil {
			return err
		}
	}
	if e.Example != nil {
		text, err := Indented(e.Example)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", style.Dim("example"), terminal.NeutraliseBlock(text))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// EventFields writes what a payload has.
func EventFields(w io.Writer, fields []event.Field, style terminal.Styler, width int) error {
	t := Table{Headers: []string{"FIELD", "TYPE", "", "RULE"}}
	for _, f := range fields {
		needed := ""
		if f.Required {
			needed = "required"
		}
		rule := f.Rule
		if f.Description != "" {
			rule = strings.TrimPrefix(rule+"; "+f.Description, "; ")
		}
		t.Rows = append(t.Rows, []string{f.Path, f.Type, needed, rule})
	}
	t.Style = func(_, column int, text string) string {
		if column == 2 {
			return style.Yellow(text)
		}
		return text
	}
	return t.Write(w, width)
}

// Indented is JSON over several lines.
func Indented(text json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}
