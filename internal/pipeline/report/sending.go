package report

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Sending is called with each message when it is first sent. The function that it returns is called
// once, with the reason why the message failed, or "" if it was confirmed. Calls come from several
// goroutines, and must return soon.
type Sending func(to publish.Target, m *message.Message) (ended func(why Reason, detail string))

// Sent follows one message. The zero Sent follows none.
type Sent struct{ ended func(Reason, string) }

// Begin calls f with the message, unless the message is sent again. f may be nil.
func (s *Sent) Begin(f Sending, to publish.Target, m *message.Message) {
	if f != nil && s.ended == nil {
		s.ended = f(to, m)
	}
}

// End reports the outcome of the message, with "" as the reason if it was confirmed.
func (s *Sent) End(why Reason, detail string) {
	if s.ended != nil {
		s.ended(why, detail)
		s.ended = nil
	}
}
