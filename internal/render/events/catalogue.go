// Package events renders the event catalogue, the outcomes of publishing events, and the messages
// and events that tail shows.
package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
)

// ListDocument is a catalogue of events, for other programs.
type ListDocument struct {
	FormatVersion string         `json:"format_version"`
	Events        []TypeDocument `json:"events"`
}

// TypeDocument is one event type.
type TypeDocument struct {
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
	// Reaches are the queues that get the event according to the topology file. Possibly are the
	// queues that may get it, depending on the payload or a choice of the broker.
	Reaches  []string `json:"reaches"`
	Possibly []string `json:"possibly,omitempty"`
	// Problem says why the schema of the type cannot be used.
	Problem string `json:"problem,omitempty"`
	// Fields and Example describe the payload. A list has neither.
	Fields  []event.Field   `json:"fields,omitempty"`
	Example json.RawMessage `json:"example,omitempty"`
}

// NewTypeDocument returns the document of a type, without the fields that depend on a topology.
func NewTypeDocument(t *event.Type) TypeDocument {
	doc := TypeDocument{Type: t.Name, Description: t.Description, Version: t.Version,
		VHost: t.VHost, Exchange: t.Exchange, Key: t.Key.String(),
		AggregateType: t.AggregateType, AggregateID: t.AggregateID,
		Format: t.Format, Schema: t.SchemaFile, Declared: t.At}
	if t.Schema != nil {
		doc.Schema = "inline"
	}
	return doc
}

// ListText writes a catalogue as a table.
func ListText(w io.Writer, doc ListDocument, style terminal.Styler, width int) error {
	if len(doc.Events) == 0 {
		_, err := fmt.Fprintln(w, "The topology file declares no events.")
		return err
	}
	t := render.Table{Headers: []string{"TYPE", "VERSION", "EXCHANGE", "KEY", "REACHES", "SCHEMA"}}
	for _, e := range doc.Events {
		schema := e.Schema
		if schema == "" {
			schema = "none"
		}
		if e.Problem != "" {
			schema = "cannot be used: " + e.Problem
		}
		t.Rows = append(t.Rows, []string{e.Type, fmt.Sprint(e.Version), render.ExchangeName(e.Exchange), e.Key, reaches(e),
			schema})
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
	return t.WriteFitting(w, style, width)
}

func reaches(e TypeDocument) string {
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

// TypeText writes one event type for people.
func TypeText(w io.Writer, e TypeDocument, style terminal.Styler, width int) error {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			render.Labelled(&b, style.Dim(fmt.Sprintf("%-10s", name))+"  ", value, width, render.Plain)
		}
	}
	fmt.Fprintln(&b, style.Bold(terminal.Neutralise(e.Type)), "version", e.Version)
	if e.Description != "" {
		render.Labelled(&b, "", e.Description, width, render.Plain)
	}
	fmt.Fprintln(&b)
	line("declared", e.Declared)
	line("vhost", e.VHost)
	line("exchange", render.ExchangeName(e.Exchange))
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
		if err := Fields(&b, e.Fields, style, width); err != nil {
			return err
		}
	}
	if e.Example != nil {
		text, err := render.IndentJSON(e.Example)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", style.Dim("example"), terminal.NeutraliseBlock(text))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Fields writes the fields of a payload as a table.
func Fields(w io.Writer, fields []event.Field, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"FIELD", "TYPE", "", "RULE"}}
	for _, f := range fields {
		required := ""
		if f.Required {
			required = "required"
		}
		rule := f.Rule
		if f.Description != "" {
			rule = strings.TrimPrefix(rule+"; "+f.Description, "; ")
		}
		t.Rows = append(t.Rows, []string{f.Path, f.Type, required, rule})
	}
	t.Style = func(_, column int, text string) string {
		if column == 2 {
			return style.Yellow(text)
		}
		return text
	}
	return t.Write(w, width)
}
