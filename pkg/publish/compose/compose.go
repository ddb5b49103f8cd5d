// Package compose makes messages from texts: events of a catalogue (Events), or arbitrary bytes
// (Raw).
//
// A text is a payload or an envelope, which is a whole event. Events checks it against its schema,
// adds what the text omits (id, time, aggregate, requested metadata), fills in the routing key, and
// encodes it in the format of its type. An invalid text is reported as an *InvalidError with
// pointers into that text. The package sends nothing. The bytes of a text become part of the
// message, so they must not be changed afterwards.
package compose

import (
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Composer makes a message from a text.
type Composer interface {
	// Compose returns the message to publish. id and now are used where the text does not specify
	// them. The error is an *InvalidError if the text is invalid.
	Compose(text []byte, id string, now time.Time) (Message, error)
}

// Message is a message to publish, with its event and span.
type Message struct {
	Target  publish.Target
	Message *message.Message
	// Event is nil for bytes without a type.
	Event *event.Envelope
	// Span is nil if none was started.
	Span Span
}

// Span is the trace span of a message.
type Span interface {
	// Attach writes the span's context into the message.
	Attach(m *message.Message)
}

// Begin starts the span of a message. It may return nil for none. key is nil if the routing key is
// not a template; metadata is nil if there is no event.
type Begin func(to publish.Target, key *event.KeyTemplate, metadata *event.Metadata) Span

func (b Begin) begin(to publish.Target, key *event.KeyTemplate, metadata *event.Metadata) Span {
	if b == nil {
		return nil
	}
	return b(to, key, metadata)
}

func attach(s Span, m *message.Message) {
	if s != nil {
		s.Attach(m)
	}
}

// InvalidError reports a text that cannot be published.
type InvalidError struct {
	// Type is the event type; "" if it is not known.
	Type       string
	Violations []event.Violation
	// Text is the text into which the violations' pointers point.
	Text []byte
	// Untyped reports whether the text names no type where one is required: it may be a payload.
	Untyped bool
}

// Error names the first violations.
func (e *InvalidError) Error() string {
	var list []string
	for i, v := range e.Violations {
		if i == 3 && len(e.Violations) > 4 {
			list = append(list, fmt.Sprintf("and %d more", len(e.Violations)-3))
			break
		}
		list = append(list, v.String())
	}
	return strings.Join(list, "; ")
}
