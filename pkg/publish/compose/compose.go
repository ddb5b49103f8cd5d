// Package compose makes messages to be published of texts that somebody wrote: events of a
// catalogue (Events), or bytes as they are (Raw).
//
// A text is a payload, or a whole event: an envelope. Events checks it against its schema, completes
// what the text does not say (id, time, aggregate, the metadata that are asked for), fills in the
// routing key, and writes it in the format of its type. What is wrong with a text is an
// *InvalidError with pointers into that text. Nothing is sent, and the bytes of a text become part
// of the message: they must not be changed afterwards.
package compose

import (
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Composer makes a message of a text.
type Composer interface {
	// Compose returns what is to be published. id and now are for what the text itself does not
	// tell. An *InvalidError says what is wrong with the text.
	Compose(text []byte, id string, now time.Time) (Message, error)
}

// Message is one message with what is said about it.
type Message struct {
	Target  publish.Target
	Message *message.Message
	// Event is nil for bytes without a type.
	Event *event.Envelope
	// Span is nil where none was begun.
	Span Span
}

// Span is the span of a message.
type Span interface {
	// Attach writes the context of the span into the message.
	Attach(m *message.Message)
}

// Begin begins the span of a message, nil for none. key is nil where it is no template, metadata where
// there is no event.
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

// InvalidError is a text that cannot be published.
type InvalidError struct {
	// Type is that of the event, "" where it is not known.
	Type       string
	Violations []event.Violation
	// Text is what the violations' pointers point into.
	Text []byte
	// Untyped reports that the text does not name a type where each must: it may be a payload.
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
