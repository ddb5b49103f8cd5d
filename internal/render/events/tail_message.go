package events

import (
	"time"

	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message/document"
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

// TailMessage is a message that tail received, with the information about it.
type TailMessage struct {
	tail.Item
	// Event is nil if the message is not an event.
	Event  *event.Envelope
	Format event.Format
	// Validity is Invalid for events that violate their schema and for messages of a declared type
	// that are not events.
	Validity Validity
	// Problems are the violations that make the message invalid.
	Problems []event.Violation
	// Note says why the message was not checked.
	Note string
	// Trace contains the data of the firehose. It is nil for other messages.
	Trace *tail.Trace
	// Depth is the number of causes above the message in a CausationTree. branches is the part of
	// its line that draws the tree.
	Depth    int
	branches string
	// Published is the time of publication of a message that waited in a queue or a stream. It is
	// zero for other messages.
	Published time.Time
}

// When returns Published, or the time at which the message was received if Published is zero or no
// plausible time.
func (s *TailMessage) When() time.Time {
	if document.Time(s.Published) == nil {
		return s.At
	}
	return s.Published
}

// Type returns the event type, or the type property of a message that is not an event.
func (s *TailMessage) Type() string {
	if s.Event != nil {
		return s.Event.EventType
	}
	return s.Message.Type
}

// ID returns the event id, or the message_id of a message that is not an event.
func (s *TailMessage) ID() string {
	if s.Event != nil {
		return s.Event.EventID
	}
	return s.Message.MessageID
}

// Correlation returns the correlation id of the event, or of the message if the event has none.
func (s *TailMessage) Correlation() string {
	if s.Event != nil && s.Event.Metadata.CorrelationID != "" {
		return s.Event.Metadata.CorrelationID
	}
	return s.Message.CorrelationID
}

// Cause returns the id of the event that caused this one, or "".
func (s *TailMessage) Cause() string {
	if s.Event == nil {
		return ""
	}
	return s.Event.Metadata.CausationID
}
