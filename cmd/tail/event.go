package tail

import (
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
)

// read finds out what a message is.
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

// published is when a message says that it was published, zero when it does not.
func published(s *events.TailMessage) time.Time {
	if s.Event != nil {
		return s.Event.Timestamp
	}
	return s.Message.Timestamp
}

// reads says whether anything is made of the content of messages.
func (t *tailing) reads() bool {
	return t.output.Value != "none" || t.follow != "" || t.invalid || t.program != nil
}

// judge holds a message against the catalogue. A message that bears the name of a declared type and
// is no event is invalid, too.
func (t *tailing) judge(s *events.TailMessage, err error) {
	if t.known == nil {
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
