package events

import (
	"fmt"
	"io"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// PublishFormatVersion is the version of the documents of published events and of the catalogue.
const PublishFormatVersion = "1"

// PublishedDocument is the outcome of publishing one event.
type PublishedDocument struct {
	FormatVersion string `json:"format_version"`
	// Outcome is "confirmed", "delayed" if a delayed-message exchange holds the event, or
	// "unrouted" if it reached no queue and that is allowed.
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

// NewPublishedDocument returns the document of a confirmed message. e is nil if the message is not
// an event.
func NewPublishedDocument(vhost string, t publish.Target, m *message.Message, e *event.Envelope,
	elapsed time.Duration) PublishedDocument {
	doc := PublishedDocument{FormatVersion: PublishFormatVersion, Outcome: "confirmed", EventID: m.MessageID,
		VHost: vhost, Exchange: t.Exchange, Key: t.Key, Bytes: len(m.Body), ElapsedMS: elapsed.Milliseconds()}
	if e != nil {
		doc.Type = e.EventType
	}
	return doc
}

// PublishedText writes the outcome in one line.
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
		outcome = fmt.Sprintf("%s for %s (the exchange cannot tell yet which queues will get it)",
			style.Yellow(doc.Outcome), units.FormatMilliseconds(doc.DelayMS))
	}
	if doc.Outcome == string(bulk.Unrouted) {
		outcome = style.Yellow("it reached no queue, as allowed")
	}
	_, err := fmt.Fprintf(w, "%s %s → %s: %s\n", terminal.Neutralise(what), terminal.Neutralise(doc.EventID),
		terminal.Neutralise(to), outcome)
	return err
}
