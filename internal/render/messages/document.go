// Package messages renders messages: their tables, details and documents for dlq inspect, and the
// changes that a transformation makes.
package messages

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
	"github.com/msgctl/msgctl/pkg/message/document"
)

// MessageDocument is a message for other programs. Its fields have the names that filter expressions use.
type MessageDocument struct {
	ID     string `json:"id,omitempty"`
	Source string `json:"source"`
	// Reason is the reason why the message was dead-lettered. Queue is the queue in which it died.
	// Exchange and RoutingKey are those of its publication or, without a death history, of its
	// delivery.
	Reason      string           `json:"reason,omitempty"`
	Queue       string           `json:"queue,omitempty"`
	Exchange    string           `json:"exchange"`
	RoutingKey  string           `json:"routingKey"`
	DiedAt      *time.Time       `json:"diedAt,omitempty"`
	AgeMS       int64            `json:"ageMs,omitempty"`
	DeathCount  int64            `json:"deathCount"`
	Deaths      []DeathDocument  `json:"deaths,omitempty"`
	History     []string         `json:"history,omitempty"`
	Error       *FailureDocument `json:"error,omitempty"`
	Replays     int64            `json:"replays,omitempty"`
	Redelivered bool             `json:"redelivered,omitempty"`
	Properties  map[string]any   `json:"properties,omitempty"`
	Headers     map[string]any   `json:"headers,omitempty"`
	Size        int              `json:"size"`
	// Body is parsed JSON or text. It is absent for a binary body.
	Body any `json:"body,omitempty"`
	// BodyIs describes the body: "JSON, 1.2 kB".
	BodyIs string `json:"bodyIs"`
	// BodyDump is a hex dump of the beginning of a binary body.
	BodyDump    string `json:"bodyDump,omitempty"`
	BodyProblem string `json:"bodyProblem,omitempty"`
	// Offset is the offset in a stream.
	Offset *int64 `json:"offset,omitempty"`

	view body.View
}

// DeathDocument is one entry of the death history.
type DeathDocument struct {
	Reason      string     `json:"reason"`
	Queue       string     `json:"queue"`
	Exchange    string     `json:"exchange"`
	RoutingKeys []string   `json:"routingKeys,omitempty"`
	Count       int64      `json:"count"`
	Time        *time.Time `json:"time,omitempty"`
}

// FailureDocument is the error that a client framework recorded in the headers.
type FailureDocument struct {
	Framework  string `json:"framework"`
	Type       string `json:"type,omitempty"`
	Message    string `json:"message,omitempty"`
	Queue      string `json:"queue,omitempty"`
	Task       string `json:"task,omitempty"`
	StackTrace string `json:"stackTrace,omitempty"`
}

// Options say how much of a message its document contains.
type Options struct {
	// IsWait reports whether a queue is a wait queue, which is never the origin of a message. It
	// may be nil.
	IsWait func(queue string) bool
	Now    time.Time
	// Full includes bodies and dumps of any length.
	Full bool
	// ParseBody includes JSON bodies as JSON instead of text.
	ParseBody bool
	// Brief includes only the beginning of the body, which is sufficient for a table.
	Brief bool
}

// NewMessageDocument returns the document of a message.
func NewMessageDocument(m *message.Message, o Options) MessageDocument {
	doc := MessageDocument{
		ID: m.MessageID, Source: m.Queue, Exchange: m.Exchange, RoutingKey: m.RoutingKey, Redelivered: m.Redelivered,
		Size: m.Size(), Replays: m.Replays(), History: message.Timeline(m.Headers),
		Properties: properties(m), Headers: plainTable(m.Headers),
	}
	if origin, ok := m.Origin(o.IsWait); ok {
		doc.Reason, doc.Queue = origin.Reason, origin.Queue
		if origin.HasRoute {
			doc.Exchange, doc.RoutingKey = origin.Exchange, origin.RoutingKey
		}
	}
	if at := document.Time(m.DiedAt()); at != nil {
		doc.DiedAt, doc.AgeMS = at, max(0, o.Now.Sub(*at).Milliseconds())
	}
	doc.deaths(m)
	if f, ok := message.FailureOf(m); ok {
		doc.Error = &FailureDocument{Framework: f.Framework, Type: f.Type, Message: f.Message, Queue: f.Queue, Task: f.Task,
			StackTrace: f.StackTrace}
	}
	if offset, ok := m.Offset(); ok {
		doc.Offset = &offset
	}
	doc.body(m, o)
	return doc
}

func (doc *MessageDocument) deaths(m *message.Message) {
	d := m.History()
	doc.DeathCount = d.Count()
	for _, e := range d.All() {
		death := DeathDocument{Reason: e.Reason, Queue: e.Queue, Exchange: e.Exchange, RoutingKeys: e.RoutingKeys(),
			Count: e.Count}
		death.Time = document.Time(e.Time)
		doc.Deaths = append(doc.Deaths, death)
	}
}

func (doc *MessageDocument) body(m *message.Message, o Options) {
	options := body.Options{}
	if o.Brief {
		options.MaxText, options.MaxDump = 1<<10, 16
	}
	if o.Full {
		options.MaxText, options.MaxDump = -1, -1
	}
	doc.view = body.Show(m, options)
	doc.BodyIs, doc.BodyProblem = doc.view.Describe(), doc.view.Problem
	switch doc.view.Format {
	case body.Binary:
		doc.BodyDump = doc.view.Text
	case body.JSON:
		doc.Body = doc.view.Text
		if o.ParseBody {
			doc.Body = jsonBody(m, doc.view.Text)
		}
	case body.Empty, body.NotRead:
	default:
		doc.Body = doc.view.Text
	}
}

// jsonBody returns a JSON body unchanged, so that numbers keep their digits.
func jsonBody(m *message.Message, text string) any {
	plain, _, err := body.Decode(m.Body, m.ContentEncoding, 16<<20)
	if err != nil || !json.Valid(plain) || !utf8.Valid(plain) {
		return text
	}
	return json.RawMessage(plain)
}
