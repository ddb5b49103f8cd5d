package events

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// DryRunDocument is a message that would be published.
type DryRunDocument struct {
	FormatVersion string         `json:"format_version"`
	DryRun        bool           `json:"dry_run"`
	VHost         string         `json:"vhost"`
	Exchange      string         `json:"exchange"`
	Key           string         `json:"routing_key"`
	Properties    map[string]any `json:"properties"`
	Headers       map[string]any `json:"headers,omitempty"`
	// Body is the body if it is text. BodyBase64 is the body if it is not.
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty"`
	// Known reports whether the queues are known: queues in Reaches get a copy, queues in Possibly
	// may get one.
	Known bool `json:"-"`
	// Optional reports whether the message need not reach a queue.
	Optional bool     `json:"-"`
	Reaches  []string `json:"reaches"`
	Possibly []string `json:"possibly,omitempty"`
	Unsure   []string `json:"unsure,omitempty"`
	// Drops describes those of the queues that drop messages when they are full, or at once.
	Drops []string `json:"drops,omitempty"`
}

// NewDryRunDocument returns the document of a message.
func NewDryRunDocument(vhost string, t publish.Target, m *message.Message) DryRunDocument {
	doc := DryRunDocument{FormatVersion: PublishFormatVersion, DryRun: true, VHost: vhost,
		Exchange: t.Exchange, Key: t.Key, Headers: m.Headers, Properties: map[string]any{}}
	for _, p := range m.Texts() {
		doc.Properties[p.AMQP] = p.Value
	}
	if m.Present(message.DeliveryModeProperty) {
		doc.Properties["delivery_mode"] = m.DeliveryMode
	}
	if m.Present(message.PriorityProperty) {
		doc.Properties["priority"] = m.Priority
	}
	if at := message.Meant(m.Timestamp); !at.IsZero() {
		doc.Properties["timestamp"] = at.UTC().Format(time.RFC3339)
	}
	if utf8.Valid(m.Body) {
		doc.Body = string(m.Body)
	} else {
		doc.BodyBase64 = m.Body
	}
	return doc
}

func unreached(allowed bool, style terminal.Styler) string {
	if allowed {
		return style.Yellow("no queue, as allowed: the broker would drop it")
	}
	return style.Red("no queue: it would be an error")
}

// DryRunText writes a message that would be published for people.
func DryRunText(w io.Writer, doc DryRunDocument, style terminal.Styler, width int) error {
	var b strings.Builder
	wide := len("delivery_mode ")
	for name := range doc.Headers {
		wide = max(wide, min(terminal.Width("header "+name), 40))
	}
	label := func(name string) string {
		return style.Dim(terminal.Neutralise(name) + strings.Repeat(" ", max(0, wide-terminal.Width(name))))
	}
	line := func(name, value string) { render.Labelled(&b, label(name)+"  ", value, width, render.Plain) }
	fmt.Fprintln(&b, style.Bold("Would be published; nothing was sent."))
	line("vhost", doc.VHost)
	line("exchange", render.ExchangeName(doc.Exchange))
	line("routing key", doc.Key)
	for _, name := range slices.Sorted(maps.Keys(doc.Properties)) {
		line(name, fmt.Sprint(doc.Properties[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Headers)) {
		line("header "+name, fmt.Sprint(doc.Headers[name]))
	}
	switch {
	case !doc.Known:
	case len(doc.Reaches) == 0 && len(doc.Possibly) == 0:
		fmt.Fprintf(&b, "%s  %s\n", label("reaches"), unreached(doc.Optional, style))
	default:
		line("reaches", strings.Join(doc.Reaches, ", "))
	}
	if len(doc.Possibly) > 0 {
		line("perhaps", strings.Join(doc.Possibly, ", "))
	}
	for _, why := range doc.Unsure {
		line("not sure", why)
	}
	for _, text := range doc.Drops {
		render.Labelled(&b, style.Yellow("note")+strings.Repeat(" ", wide-len("note"))+"  ", text, width, render.Plain)
	}
	fmt.Fprintf(&b, "\n%s\n", prettyBody(doc))
	_, err := io.WriteString(w, b.String())
	return err
}

// prettyBody returns the body for a terminal, indented if it is JSON.
func prettyBody(doc DryRunDocument) string {
	if doc.BodyBase64 != nil {
		return fmt.Sprintf("(%d bytes that are no text)", len(doc.BodyBase64))
	}
	var v json.RawMessage
	if json.Unmarshal([]byte(doc.Body), &v) == nil {
		if text, err := render.IndentJSON(v); err == nil {
			return terminal.NeutraliseBlock(text)
		}
	}
	return terminal.NeutraliseBlock(doc.Body)
}
