package report

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Sending is called with each message when it is first sent. The function that it returns is called
// once with the reason why the message failed, "" if it was confirmed. It is called from several
// goroutines, and must return soon.
type Sending func(to publish.Target, m *message.Message) (ended func(why Reason, detail string))

// Sent follows one message; the zero Sent follows none.
type Sent struct{ ended func(Reason, string) }

// Begin tells f of the message, unless it is sent again.
func (s *Sent) Begin(f Sending, to publish.Target, m *message.Message) {
	if f != nil && s.ended == nil {
		s.ended = f(to, m)
	}
}

// End reports the outcome of the message.
func (s *Sent) End(why Reason, detail string) {
	if s.ended != nil {
		s.ended(why, detail)
		s.ended = nil
	}
}
