package dlq

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Sending is told of each message when it is first sent. What it returns is called once, when it is
// known how the message fared: with "" when it was confirmed. It is called from several goroutines,
// and must return soon.
type Sending func(to publish.Target, m *message.Message) (ended func(why Reason, detail string))

// sent follows one message; the zero sent follows none.
type sent struct{ ended func(Reason, string) }

// begin does nothing for a message that is sent again.
func (s *sent) begin(f Sending, to publish.Target, m *message.Message) {
	if f != nil && s.ended == nil {
		s.ended = f(to, m)
	}
}

func (s *sent) end(why Reason, detail string) {
	if s.ended != nil {
		s.ended(why, detail)
		s.ended = nil
	}
}
