package compose

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Events is a Composer of events of a catalogue. It checks each against its schema.
type Events struct {
	Catalogue *event.Catalogue
	// Type is the type of all events. If it is nil, each text is a whole event that names its own
	// type.
	Type *event.Type
	// VHost is where the events are published. An event of another vhost is an *InvalidError.
	VHost string
	// Metadata overrides the event's own metadata, field by field, where it is not empty.
	// AggregateID does the same.
	Metadata    event.Metadata
	AggregateID string
	// Format is the format of the events; "" means that of the event's type.
	Format     event.Format
	AppID      string
	Decoration Decoration
	// Begin starts a span for each message; nil for none.
	Begin Begin
}

// Compose implements Composer. A payload becomes an event of the type. A whole event keeps its own
// values. The error is an *InvalidError if the text is not a valid event of the catalogue; any
// other says why it cannot become a message.
func (m *Events) Compose(text []byte, id string, now time.Time) (Message, error) {
	draft, whole, err := m.draft(text)
	if err != nil {
		return Message{}, err
	}
	t := m.Type
	if t == nil {
		if t, err = m.Catalogue.Type(draft.EventType); err != nil {
			return Message{}, &InvalidError{Type: draft.EventType,
				Violations: []event.Violation{{Pointer: "/eventType", Keyword: "type",
					Message: err.Error()}}, Text: text}
		}
	}
	if t.VHost != m.VHost {
		return Message{}, &InvalidError{Type: t.Name, Violations: []event.Violation{{Pointer: "/eventType", Keyword: "type",
			Message: fmt.Sprintf("%s belongs to vhost %q, but this run publishes in vhost %q", t.Name, t.VHost,
				m.VHost)}}, Text: text}
	}
	if err := m.check(t, draft, whole, text); err != nil {
		return Message{}, err
	}
	draft.AggregateID = cmp.Or(m.AggregateID, draft.AggregateID)
	if err := t.Complete(draft); err != nil {
		return Message{}, asInvalid(t.Name, err, text, whole)
	}
	draft.EventID = cmp.Or(draft.EventID, id)
	if draft.Timestamp.IsZero() {
		draft.Timestamp = now
	}
	m.applyMetadata(&draft.Metadata)
	return m.message(t, draft)
}

// draft parses a whole event, or makes one from a payload.
func (m *Events) draft(text []byte) (e *event.Envelope, whole bool, err error) {
	if m.Type != nil && !event.IsEnvelope(text) {
		return &event.Envelope{EventType: m.Type.Name, Payload: bytes.TrimSpace(text)}, false, nil
	}
	e, err = event.ParseDraft(text)
	if err != nil {
		err = asInvalid("", err, text, false)
		var invalid *InvalidError
		if m.Type == nil && errors.As(err, &invalid) && invalid.Violations[0].Pointer == "/eventType" { // a payload?
			invalid.Untyped = true
			invalid.Violations[0].Message += "; for payloads, name their event"
		}
		return nil, true, err
	}
	if m.Type != nil && e.EventType != m.Type.Name {
		return nil, true, &InvalidError{Type: m.Type.Name, Violations: []event.Violation{{Pointer: "/eventType",
			Keyword: "type",
			Message: fmt.Sprintf("the event is %s, not %s", e.EventType, m.Type.Name)}}, Text: text}
	}
	return e, true, nil
}

func (m *Events) check(t *event.Type, e *event.Envelope, whole bool, text []byte) error {
	check := func() ([]event.Violation, error) { return m.Catalogue.Validate(t.Name, e.Payload) }
	if whole {
		check = func() ([]event.Violation, error) { return m.Catalogue.Check(e) }
	}
	violations, err := check()
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return &InvalidError{Type: t.Name, Violations: violations, Text: text}
	}
	return nil
}

// applyMetadata applies the metadata given in m.
func (m *Events) applyMetadata(to *event.Metadata) {
	to.CorrelationID = cmp.Or(m.Metadata.CorrelationID, to.CorrelationID)
	to.CausationID = cmp.Or(m.Metadata.CausationID, to.CausationID)
	to.UserID = cmp.Or(m.Metadata.UserID, to.UserID)
	to.TraceID = cmp.Or(m.Metadata.TraceID, to.TraceID)
	to.SpanID = cmp.Or(m.Metadata.SpanID, to.SpanID)
}

func (m *Events) message(t *event.Type, e *event.Envelope) (Message, error) {
	key, err := t.Key.Fill(e)
	if err != nil {
		return Message{}, err
	}
	to := publish.Target{Exchange: t.Exchange, Key: key}
	span := m.Begin.begin(to, t.Key, &e.Metadata)
	msg, err := e.Message(event.MessageOptions{Format: cmp.Or(m.Format, t.Format), AppID: m.AppID})
	if err != nil {
		return Message{}, err
	}
	m.Decoration.apply(msg)
	attach(span, msg)
	return Message{Target: to, Message: msg, Event: e, Span: span}, nil
}

// asInvalid converts an error about the form of an event into an *InvalidError with one violation.
func asInvalid(typ string, err error, text []byte, whole bool) error {
	var form *event.FormatError
	if !errors.As(err, &form) {
		return err
	}
	pointer := form.Pointer
	if whole {
		pointer = "/payload" + pointer
	}
	return &InvalidError{Type: typ, Violations: []event.Violation{{Pointer: pointer, Keyword: "json",
		Message: form.Problem}}, Text: text}
}
