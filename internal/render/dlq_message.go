package render

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// MessageDocument is one message as other programs read it. Its fields have the names that --where
// knows.
type MessageDocument struct {
	ID     string `json:"id,omitempty"`
	Source string `json:"source"`
	// Reason, Queue, Exchange and RoutingKey tell where the message came from.
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
	// Body is the parsed JSON, or text; absent when it is binary: see BodyDump.
	Body any `json:"body,omitempty"`
	// BodyIs describes the body: "JSON, 1.2 kB".
	BodyIs string `json:"bodyIs"`
	// BodyDump is a hex dump of the beginning of a binary body.
	BodyDump    string `json:"bodyDump,omitempty"`
	BodyProblem string `json:"bodyProblem,omitempty"`
	// Offset is the place in a stream.
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

// FailureDocument is what a framework noted.
type FailureDocument struct {
	Framework  string `json:"framework"`
	Type       string `json:"type,omitempty"`
	Message    string `json:"message,omitempty"`
	Queue      string `json:"queue,omitempty"`
	Task       string `json:"task,omitempty"`
	StackTrace string `json:"stackTrace,omitempty"`
}

// MessageOptions say how much of a message a document has.
type MessageOptions struct {
	IsWait func(queue string) bool
	Now    time.Time
	// Full shows bodies and dumps without a bound.
	Full bool
	// ParseBody puts JSON bodies in as values; tables do not need it.
	ParseBody bool
	// Brief is for a table: only the beginning of the body.
	Brief bool
}

// NewMessageDocument makes the document of a message.
func NewMessageDocument(m *message.Message, o MessageOptions) MessageDocument {
	doc := MessageDocument{
		ID: m.MessageID, Source: m.Queue, Exchange: m.Exchange, RoutingKey: m.RoutingKey, Redelivered: m.Redelivered,
		Size: len(m.Body), Replays: message.ReplayCount(m.Headers), History: message.Timeline(m.Headers),
		Properties: properties(m), Headers: plainTable(m.Headers),
	}
	if origin, ok := m.Origin(o.IsWait); ok {
		doc.Reason, doc.Queue = origin.Reason, origin.Queue
		if origin.HasRoute {
			doc.Exchange, doc.RoutingKey = origin.Exchange, origin.RoutingKey
		}
	}
	if at := m.DiedAt(); !at.IsZero() {
		at = at.UTC()
		doc.DiedAt, doc.AgeMS = &at, max(0, o.Now.Sub(at).Milliseconds())
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
	d := m.Deaths()
	doc.DeathCount = d.Count()
	for _, e := range d.All() {
		death := DeathDocument{Reason: e.Reason, Queue: e.Queue, Exchange: e.Exchange, RoutingKeys: e.RoutingKeys(),
			Count: e.Count}
		if !e.Time.IsZero() {
			at := e.Time.UTC()
			death.Time = &at
		}
		doc.Deaths = append(doc.Deaths, death)
	}
}

func (doc *MessageDocument) body(m *message.Message, o MessageOptions) {
	options := body.Options{}
	if o.Brief {
		options.MaxText, options.MaxDump = 1<<10, 16
	}
	if o.Full {
		options.MaxText, options.MaxDump = -1, -1
	}
	doc.view = body.Show(m, options)
	doc.BodyIs, doc.BodyProblem = doc.view.Describe(), doc.view.Problem
	switch doc.view.Kind {
	case body.Binary:
		doc.BodyDump = doc.view.Text
	case body.JSON:
		doc.Body = doc.view.Text
		if o.ParseBody {
			doc.Body = jsonBody(m, doc.view.Text)
		}
	case body.Empty:
	default:
		doc.Body = doc.view.Text
	}
}

// jsonBody passes JSON on as it is, so that numbers keep their digits.
func jsonBody(m *message.Message, text string) any {
	plain, _, err := body.Decode(m.Body, m.ContentEncoding, 16<<20)
	if err != nil || !json.Valid(plain) || !utf8.Valid(plain) {
		return text
	}
	return json.RawMessage(plain)
}

func properties(m *message.Message) map[string]any {
	out := map[string]any{}
	for _, p := range []struct{ name, value string }{
		{"contentType", m.ContentType}, {"contentEncoding", m.ContentEncoding}, {"correlationId",
			m.CorrelationID}, {"replyTo", m.ReplyTo},
		{"expiration", m.Expiration}, {"messageId", m.MessageID}, {"type", m.Type}, {"userId", m.UserID}, {"appId", m.AppID},
	} {
		if p.value != "" {
			out[p.name] = valid(p.value)
		}
	}
	if m.DeliveryMode != 0 {
		out["deliveryMode"] = m.DeliveryMode
	}
	if m.Priority != 0 {
		out["priority"] = m.Priority
	}
	if !m.Timestamp.IsZero() {
		out["timestamp"] = m.Timestamp.UTC()
	}
	return out
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// plainTable returns a header table as JSON values.
func plainTable(t map[string]any) map[string]any {
	out := make(map[string]any, len(t))
	for name, v := range t {
		out[valid(name)] = plainHeader(v)
	}
	return out
}

func plainHeader(v any) any {
	switch x := v.(type) {
	case nil, bool:
		return v
	case float32:
		return finite(float64(x))
	case float64:
		return finite(x)
	case string:
		return valid(x)
	case []byte:
		return valid(string(x))
	case time.Time:
		return x.UTC()
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plainHeader(e)
		}
		return out
	}
	if n, ok := message.AsInt(v); ok {
		return n
	}
	if t, ok := message.AsTable(v); ok {
		return plainTable(t)
	}
	if d, ok := message.AsDecimal(v); ok {
		return d.Float()
	}
	return nil
}

// finite passes numbers on; JSON has no others.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return f
}
