// Package retry decides where a message goes when it could not be handled: through the retry steps
// of its queue, then to the dead-letter target. It does no I/O.
package retry

import (
	"math/rand/v2"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Step is one delay before another attempt.
type Step struct {
	Delay time.Duration
	// Queues are the wait queues of the step. A message goes to one of them, chosen at random. It
	// is empty when the queue delays retries itself.
	Queues []string
}

// Strategy says what happens to failed messages of one queue. The zero Strategy has neither retries
// nor a dead-letter target.
type Strategy struct {
	Queue string
	Steps []Step
	// Native reports whether the queue itself delays a message that is rejected for another
	// attempt.
	Native bool
	// DeliveryLimit is where the broker ends those retries, or -1 for no limit. Endless reports
	// whether only the broker ends them, so that no attempt is the last.
	DeliveryLimit int64
	Endless       bool
	// DeadLetter is the dead-letter target; nil if there is none. With OwnKey, an empty routing key
	// stands for the message's own.
	DeadLetter *publish.Target
	OwnKey     bool
	// Drop discards messages that would otherwise be dead-lettered.
	Drop bool
	// UserID is the user name of the login, the only user_id that the broker accepts from it. Any
	// other user_id is moved into a header.
	UserID string
}

// Last reports whether no retry follows the given attempt, counted from 1.
func (p *Strategy) Last(attempt int) bool { return attempt > len(p.Steps) && !p.Endless }

// Step returns the step after an attempt, or a later one if that step waits less than atLeast. The
// attempt must not be the last.
func (p *Strategy) Step(attempt int, atLeast time.Duration) Step {
	rest := p.Steps[min(attempt, len(p.Steps))-1:]
	for _, s := range rest {
		if s.Delay >= atLeast {
			return s
		}
	}
	longest := rest[0]
	for _, s := range rest {
		if s.Delay > longest.Delay {
			longest = s
		}
	}
	return longest
}

// Wait returns the message to publish to a wait queue after a failed attempt, and its target.
func (p *Strategy) Wait(m *message.Message, n message.FailureNote, atLeast time.Duration) (publish.Target,
	*message.Message) {
	queues := p.Step(n.Attempts, atLeast).Queues
	return publish.Target{Key: queues[rand.IntN(len(queues))]}, p.failed(m, n)
}

// Dead returns the dead letter of a message, and its target. p.DeadLetter must not be nil.
func (p *Strategy) Dead(m *message.Message, n message.FailureNote) (publish.Target, *message.Message) {
	n.Dead = true
	to := *p.DeadLetter
	if p.OwnKey {
		_, to.Key = message.PublishedAs(m, p.Queue)
	}
	return to, p.failed(m, n)
}

func (p *Strategy) failed(m *message.Message, n message.FailureNote) *message.Message {
	out := message.Failed(m, n)
	if out.Present(message.UserIDProperty) && out.UserID != p.UserID {
		out.Headers[message.HeaderUserID] = out.UserID
		out.Properties = out.Without(message.UserIDProperty)
	}
	return out
}
