package events

import (
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message/document"
)

// tailDocument is a received message as JSON.
type tailDocument struct {
	At            *time.Time        `json:"at"`
	DroppedBefore int64             `json:"droppedBefore,omitempty"`
	GapBefore     bool              `json:"gapBefore,omitempty"`
	Trace         *traceDocument    `json:"trace,omitempty"`
	Type          string            `json:"type,omitempty"`
	ID            string            `json:"id,omitempty"`
	Format        event.Format      `json:"format,omitempty"`
	AggregateType string            `json:"aggregateType,omitempty"`
	AggregateID   string            `json:"aggregateId,omitempty"`
	Version       int64             `json:"version,omitempty"`
	Timestamp     *time.Time        `json:"timestamp,omitempty"`
	CorrelationID string            `json:"correlationId,omitempty"`
	CausationID   string            `json:"causationId,omitempty"`
	Validity      Validity          `json:"validity,omitempty"`
	Problems      []event.Violation `json:"problems,omitempty"`
	document.Message
}

// traceDocument contains the data of the firehose about a message. Routed is nil for a delivery.
type traceDocument struct {
	Action     string    `json:"action"`
	User       string    `json:"user"`
	Connection string    `json:"connection"`
	Node       string    `json:"node"`
	Routed     *[]string `json:"routed,omitempty"`
}

// Append appends the message as one JSON object, without a newline.
func (s *TailMessage) Append(dst []byte) []byte {
	d := tailDocument{
		At: document.Time(s.At.Truncate(time.Millisecond)), DroppedBefore: s.Dropped, GapBefore: s.Gap,
		Type: s.Type(), ID: s.ID(), CorrelationID: s.Correlation(), CausationID: s.Cause(), Validity: s.Validity,
		Problems: s.Problems, Message: document.Of(&s.Message),
	}
	if s.Trace != nil {
		d.Trace = newTraceDocument(s.Trace)
	}
	if e := s.Event; e != nil {
		d.Format, d.AggregateType, d.AggregateID, d.Version = s.Format, e.AggregateType, e.AggregateID, e.Version
		d.Timestamp = document.Time(e.Timestamp)
	}
	dst, _ = jsonline.Append(dst, d) // it has only what encoding/json can write
	return dst
}

func newTraceDocument(t *tail.Trace) *traceDocument {
	d := &traceDocument{Action: "delivered", User: t.User, Connection: t.Connection, Node: t.Node}
	if !t.Delivered {
		routed := append([]string{}, t.Routed...)
		d.Action, d.Routed = "published", &routed
	}
	return d
}
