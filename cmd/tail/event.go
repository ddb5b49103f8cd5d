package tail

import (
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

// read parses a message.
func (t *tailing) read(item *tail.Item, src *tailSource) *events.TailMessage {
	s := &events.TailMessage{Item: *item}
	if src.waited {
		defer func() { s.Published = published(s) }()
	}
	if src.traced {
		if m, trace, ok := tail.Untrace(&item.Message); ok {
			s.Message, s.Trace = m, &trace
		}
	}
	if !t.reads() && !(src.waited && t.archive != nil) {
		return s
	}
	e, format, err := event.FromMessage(&s.Message)
	if err == nil {
		s.Event, s.Format = e, format
	}
	t.judge(s, err)
	return s
}

// published returns when a message was published according to its properties, or the zero time.
func published(s *events.TailMessage) time.Time {
	if s.Event != nil {
		return s.Event.Timestamp
	}
	return message.Meant(s.Message.Timestamp)
}

// reads reports whether the content of messages is parsed.
func (t *tailing) reads() bool {
	return t.output.Value != "none" || t.follow != "" || t.invalid || t.program != nil
}

// judge validates a message against the catalogue. A message with a declared type that is not an
// event is invalid. Of one that was not read, that is not known.
func (t *tailing) judge(s *events.TailMessage, err error) {
	if t.known == nil || s.Message.Unread != nil {
		return
	}
	var format *event.FormatError
	if s.Event == nil {
		if _, unknown := t.known.Catalogue.Type(s.Message.Type); unknown == nil && errors.As(err, &format) {
			s.Validity, s.Problems = events.Invalid, []event.Violation{{Pointer: format.Pointer, Keyword: "format",
				Message: format.Problem}}
		}
		return
	}
	problems, err := t.known.Catalogue.Check(s.Event)
	switch {
	case len(problems) > 0:
		s.Validity, s.Problems = events.Invalid, problems
	case err != nil:
		s.Note = err.Error()
	default:
		s.Validity = events.Valid
	}
}
