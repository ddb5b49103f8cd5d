package events

import (
	"time"

	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
)

// TailFormatVersion is the version of the JSON documents of tail.
const TailFormatVersion = "1"

// Validity says whether a message conforms to the catalogue.
type Validity string

// The validities.
const (
	// Unchecked: there is no catalogue, it does not declare the type, or the message is no event.
	Unchecked Validity = ""
	Valid     Validity = "valid"
	Invalid   Validity = "invalid"
)

// TailMessage is a message that tail received, and what is known about it.
type TailMessage struct {
	tail.Item
	// Event is nil when the message is no event.
	Event  *event.Envelope
	Format event.Format
	// Validity is Invalid for events that violate their schema, and for messages of a declared type
	// that are no events.
	Validity Validity
	// Problems are the violations that make it invalid.
	Problems []event.Violation
	// Note is why it was not checked.
	Note string
	// Trace is what the firehose tells; nil for other messages.
	Trace *tail.Trace
	// Depth is the number of causes above it in the tree that is followed; branches leads there
	// when the tree is drawn.
	Depth    int
	branches string
	// Published is when it was published, for a message that had waited in a queue or stream; zero
	// otherwise.
	Published time.Time
}

// When is when the message was published, for one that had waited, else when it was received.
func (s *TailMessage) When() time.Time {
	if s.Published.IsZero() {
		return s.At
	}
	return s.Published
}

// Type is the event's type, or the type property of a message that is no event.
func (s *TailMessage) Type() string {
	if s.Event != nil {
		return s.Event.EventType
	}
	return s.Message.Type
}

// ID is the event's id, or the message_id of a message that is no event.
func (s *TailMessage) ID() string {
	if s.Event != nil {
		return s.Event.EventID
	}
	return s.Message.MessageID
}

// Correlation is the correlation id of the event, or of the message.
func (s *TailMessage) Correlation() string {
	if s.Event != nil && s.Event.Metadata.CorrelationID != "" {
		return s.Event.Metadata.CorrelationID
	}
	return s.Message.CorrelationID
}

// Cause is the id of the event that caused this one.
func (s *TailMessage) Cause() string {
	if s.Event == nil {
		return ""
	}
	return s.Event.Metadata.CausationID
}
