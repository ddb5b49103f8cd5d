package render

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// PublishFormatVersion is that of the documents of publish and events.
const PublishFormatVersion = "1"

// PublishedDocument is what became of one event.
type PublishedDocument struct {
	FormatVersion string `json:"format_version"`
	// Outcome is confirmed, delayed when a delayed-message exchange keeps it, or unrouted when it
	// reached no queue and that is allowed.
	Outcome   string `json:"outcome"`
	EventID   string `json:"event_id"`
	Type      string `json:"type,omitempty"`
	VHost     string `json:"vhost"`
	Exchange  string `json:"exchange"`
	Key       string `json:"routing_key"`
	Bytes     int    `json:"bytes"`
	DelayMS   int64  `json:"delay_ms,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// NewPublishedDocument makes the document of a confirmed message; e is nil for bytes without a
// type.
func NewPublishedDocument(vhost string, t publish.Target, m *message.Message, e *event.Envelope,
	elapsed time.Duration) PublishedDocument {
	doc := PublishedDocument{FormatVersion: PublishFormatVersion, Outcome: "confirmed", EventID: m.MessageID, VHost: vhost,
		Exchange: t.Exchange, Key: t.Key,
		Bytes: len(m.Body), ElapsedMS: elapsed.Milliseconds()}
	if e != nil {
		doc.Type = e.EventType
	}
	return doc
}

// PublishedText writes it in a line.
func PublishedText(w io.Writer, doc PublishedDocument, style terminal.Styler) error {
	to := "exchange " + doc.Exchange + " with key " + doc.Key
	if doc.Exchange == "" {
		to = "queue " + doc.Key
	}
	what := doc.Type
	if what == "" {
		what = "message"
	}
	outcome := style.Green(doc.Outcome)
	if doc.DelayMS > 0 {
		outcome = fmt.Sprintf("%s for %s (the exchange cannot tell yet which queues will get it)", style.Yellow(doc.Outcome),
			units.FormatMilliseconds(doc.DelayMS))
	}
	if doc.Outcome == string(bulk.Unrouted) {
		outcome = style.Yellow("it reached no queue, as allowed")
	}
	_, err := fmt.Fprintf(w, "%s %s → %s: %s\n", terminal.Neutralise(what), terminal.Neutralise(doc.EventID),
		terminal.Neutralise(to), outcome)
	return err
}

// DryRunMessage is a message that would be published.
type DryRunMessage struct {
	FormatVersion string         `json:"format_version"`
	DryRun        bool           `json:"dry_run"`
	VHost         string         `json:"vhost"`
	Exchange      string         `json:"exchange"`
	Key           string         `json:"routing_key"`
	Properties    map[string]any `json:"properties"`
	Headers       map[string]any `json:"headers,omitempty"`
	// Body as text; BodyBase64 when it is none.
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty"`
	// Known says that a topology file tells the queues: Reaches get a copy, Possibly may.
	Known bool `json:"-"`
	// Optional says that it may reach no queue.
	Optional bool     `json:"-"`
	Reaches  []string `json:"reaches"`
	Possibly []string `json:"possibly,omitempty"`
	Unsure   []string `json:"unsure,omitempty"`
}

// NewDryRunMessage makes the document of a message.
func NewDryRunMessage(vhost string, t publish.Target, m *message.Message) DryRunMessage {
	doc := DryRunMessage{FormatVersion: PublishFormatVersion, DryRun: true, VHost: vhost, Exchange: t.Exchange, Key: t.Key,
		Headers: m.Headers, Properties: map[string]any{}}
	for name, value := range map[string]string{"content_type": m.ContentType, "message_id": m.MessageID, "type": m.Type,
		"correlation_id": m.CorrelationID,
		"app_id":         m.AppID, "expiration": m.Expiration} {
		if value != "" {
			doc.Properties[name] = value
		}
	}
	if m.DeliveryMode != 0 {
		doc.Properties["delivery_mode"] = m.DeliveryMode
	}
	if m.Priority != 0 {
		doc.Properties["priority"] = m.Priority
	}
	if !m.Timestamp.IsZero() {
		doc.Properties["timestamp"] = m.Timestamp.UTC().Format(time.RFC3339)
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

// DryRunMessageText writes it for people. width is the terminal's, 0 for a pipe.
func DryRunMessageText(w io.Writer, doc DryRunMessage, style terminal.Styler, width int) error {
	var b strings.Builder
	wide := len("delivery_mode ")
	for name := range doc.Headers {
		wide = max(wide, min(terminal.Width("header "+name), 40))
	}
	label := func(name string) string {
		return style.Dim(terminal.Neutralise(name) + strings.Repeat(" ", max(0, wide-terminal.Width(name))))
	}
	line := func(name, value string) { fmt.Fprintf(&b, "%s  %s\n", label(name), terminal.Neutralise(value)) }
	fmt.Fprintln(&b, style.Bold("Would be published; nothing was sent."))
	line("vhost", doc.VHost)
	line("exchange", orDefault(doc.Exchange))
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
	fmt.Fprintf(&b, "\n%s\n", prettyBody(doc))
	_, err := io.WriteString(w, b.String())
	return err
}

func orDefault(exchange string) string {
	if exchange == "" {
		return "(default)"
	}
	return exchange
}

// prettyBody is the body for a terminal: indented when it is JSON.
func prettyBody(doc DryRunMessage) string {
	if doc.BodyBase64 != nil {
		return fmt.Sprintf("(%d bytes that are no text)", len(doc.BodyBase64))
	}
	var v json.RawMessage
	if json.Unmarshal([]byte(doc.Body), &v) == nil {
		if text, err := Indented(v); err == nil {
			return terminal.NeutraliseBlock(text)
		}
	}
	return terminal.NeutraliseBlock(doc.Body)
}
