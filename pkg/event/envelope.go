package event

import (
	"encoding/json"
	"time"
)

// MaxBytes bounds the text of one event: the largest message that a broker of any supported line
// takes by default (128 MiB on 3.10, 16 MiB since 4.0).
const MaxBytes = 128 << 20

// Envelope is one domain event.
type Envelope struct {
	// EventID tells events apart: a UUIDv7 when msgctl made it, any text when somebody else did.
	EventID string
	// EventType names what happened: order.created. The catalogue has it, when it is known.
	EventType string
	// AggregateID and AggregateType are the entity that the event is about; "" when there is none.
	AggregateID, AggregateType string
	// Timestamp is when it happened, in UTC. Zero when a foreign event does not tell.
	Timestamp time.Time
	// Version is that of the payload's form, from 1. 0 when a foreign event does not tell.
	Version int64
	// Payload is JSON, exactly as it was written.
	Payload json.RawMessage
	// Metadata says in which story the event stands.
	Metadata Metadata
	// Extra has the members of the envelope that msgctl does not know, by name; nil when there are
	// none. They are kept when the event is written again.
	Extra map[string]json.RawMessage
}

// Metadata says in which story an event stands. Every field may be empty.
type Metadata struct {
	// CorrelationID is shared by all events of one story, CausationID is the EventID of the event
	// that led to this one.
	CorrelationID, CausationID string
	// UserID is on whose behalf it happened; it has nothing to do with the AMQP property user_id,
	// which the broker checks.
	UserID string
	// TraceID and SpanID are those of W3C Trace Context: 32 and 16 hexadecimal digits.
	TraceID, SpanID string
	// Extra has the members that msgctl does not know, by name.
	Extra map[string]json.RawMessage
}

// FormatError says why a text is no event.
type FormatError struct {
	// Pointer is the JSON Pointer of what is wrong; "" for the text as a whole.
	Pointer string
	// Problem says what is wrong and what was expected.
	Problem string
}

// Error tells both.
func (e *FormatError) Error() string {
	if e.Pointer == "" {
		return e.Problem
	}
	return e.Pointer + ": " + e.Problem
}
