package render

import (
	"strconv"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/plainjson"
)

// TailFormatVersion is that of what tail writes as JSON.
const TailFormatVersion = "1"

// Validity says whether a message is what the catalogue declares.
type Validity string

// The validities.
const (
	// Unchecked: there is no catalogue, or it does not know the type; or the message is no event.
	Unchecked Validity = ""
	Valid     Validity = "valid"
	Invalid   Validity = "invalid"
)

// Seen is one message that was seen, and what is known about it.
type Seen struct {
	tail.Item
	// Event is nil when the message is none.
	Event  *event.Envelope
	Format event.Format
	// Validity is Invalid for events that break their schema, and for messages of a declared type
	// that are no events.
	Validity Validity
	// Problems say why it is invalid.
	Problems []event.Violation
	// Note says why it was not checked.
	Note string
	// Trace is what the firehose tells; nil elsewhere.
	Trace *tail.Trace
	// Depth in the story that is followed, and the branches that lead there when its tree is drawn.
	Depth    int
	branches string
	// Published is when it was published, for what had waited before it was seen; zero otherwise.
	Published time.Time
}

// When is when the message happened: when it was published, where that is known and matters, or
// when it was seen.
func (s *Seen) When() time.Time {
	if s.Published.IsZero() {
		return s.At
	}
	return s.Published
}

// Type is the event's type, the property of that name of other messages, "" without either.
func (s *Seen) Type() string {
	if s.Event != nil {
		return s.Event.EventType
	}
	return s.Message.Type
}

// ID is the event's id, the message id of other messages.
func (s *Seen) ID() string {
	if s.Event != nil {
		return s.Event.EventID
	}
	return s.Message.MessageID
}

// Correlation is the id of the story that the message belongs to.
func (s *Seen) Correlation() string {
	if s.Event != nil && s.Event.Metadata.CorrelationID != "" {
		return s.Event.Metadata.CorrelationID
	}
	return s.Message.CorrelationID
}

// Cause is the id of the event that led to this one.
func (s *Seen) Cause() string {
	if s.Event == nil {
		return ""
	}
	return s.Event.Metadata.CausationID
}

// Append appends the message as one JSON object, without a newline.
func (s *Seen) Append(dst []byte) []byte {
	dst = plainjson.Time(append(dst, `{"at":`...), s.At.Truncate(time.Millisecond))
	if s.Dropped > 0 {
		dst = strconv.AppendInt(append(dst, `,"droppedBefore":`...), s.Dropped, 10)
	}
	if s.Gap {
		dst = append(dst, `,"gapBefore":true`...)
	}
	if t := s.Trace; t != nil {
		dst = s.trace(dst, t)
	}
	dst = s.event(append(dst, ','))
	dst = plainjson.Append(dst, &s.Message)
	return append(dst, '}')
}

func (s *Seen) trace(dst []byte, t *tail.Trace) []byte {
	dst = append(dst, `,"trace":{"action":"`...)
	dst = append(dst, map[bool]string{true: "delivered", false: "published"}[t.Delivered]...)
	dst = plainjson.String(append(dst, `","user":`...), t.User)
	dst = plainjson.String(append(dst, `,"connection":`...), t.Connection)
	dst = plainjson.String(append(dst, `,"node":`...), t.Node)
	if !t.Delivered {
		dst = append(dst, `,"routed":[`...)
		for i, q := range t.Routed {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = plainjson.String(dst, q)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// event appends what is known of the event, with a comma behind.
func (s *Seen) event(dst []byte) []byte {
	text := func(name, value string) {
		if value != "" {
			dst = append(append(append(dst, '"'), name...), `":`...)
			dst = append(plainjson.String(dst, value), ',')
		}
	}
	text("type", s.Type())
	text("id", s.ID())
	if e := s.Event; e != nil {
		text("format", string(s.Format))
		text("aggregateType", e.AggregateType)
		text("aggregateId", e.AggregateID)
		if e.Version != 0 {
			dst = append(strconv.AppendInt(append(dst, `"version":`...), e.Version, 10), ',')
		}
		if !e.Timestamp.IsZero() {
			dst = append(plainjson.Time(append(dst, `"timestamp":`...), e.Timestamp), ',')
		}
	}
	text("correlationId", s.Correlation())
	text("causationId", s.Cause())
	text("validity", string(s.Validity))
	for i, p := range s.Problems {
		dst = append(dst, map[bool]string{true: `"problems":[`, false: `,`}[i == 0]...)
		dst = plainjson.String(append(dst, `{"pointer":`...), p.Pointer)
		dst = plainjson.String(append(dst, `,"keyword":`...), p.Keyword)
		dst = append(plainjson.String(append(dst, `,"message":`...), p.Message), '}')
	}
	if len(s.Problems) > 0 {
		dst = append(dst, `],`...)
	}
	return dst
}

// clock writes when a message came: the time of the day on a terminal, or the day where it was
// another one; all of it elsewhere.
func clock(at, now time.Time, terminal bool) string {
	switch at, now = at.Local(), now.Local(); {
	case terminal && (at.YearDay() != now.YearDay() || at.Year() != now.Year()):
		return at.Format("Jan _2 15:04")
	case terminal:
		return at.Format("15:04:05.000")
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

// eventOf is the message for MessageCard.
func eventOf(m *message.Message, now time.Time, full bool) MessageDocument {
	return NewMessageDocument(m, MessageOptions{Now: now, Full: full})
}
