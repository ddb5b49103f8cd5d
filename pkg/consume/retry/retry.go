// Package retry decides where a message goes that could not be handled: through the retry steps of
// its queue, then to the dead-letter target. It is pure.
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
	// Queues are the wait queues of the step, of which a message takes one at random. Empty when
	// the queue delays retries itself.
	Queues []string
}

// Plan is what becomes of failures in one queue. The zero Plan has neither retries nor dead
// letters.
type Plan struct {
	Queue string
	Steps []Step
	// Native: the queue delays retries itself, when a message is rejected for another attempt.
	Native bool
	// DeliveryLimit is what the broker ends those retries at, -1 without end. Endless: it alone
	// does, and no attempt is the last.
	DeliveryLimit int64
	Endless       bool
	// DeadLetter is where dead letters go; nil when there is no such place. An empty key stands for
	// the message's own when OwnKey.
	DeadLetter *publish.Target
	OwnKey     bool
	// Drop destroys what would be a dead letter.
	Drop bool
	// UserID is the login, the only user_id that the broker takes from it. Others go into a header.
	UserID string
}

// Last reports whether no retry follows an attempt, counted from 1.
func (p *Plan) Last(attempt int) bool { return attempt > len(p.Steps) && !p.Endless }

// Step returns the step after an attempt, or a later one when that waits too short. It must not be
// the last.
func (p *Plan) Step(attempt int, atLeast time.Duration) Step {
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

// Wait makes the message for the wait queue after an attempt.
func (p *Plan) Wait(m *message.Message, n message.FailureNote, atLeast time.Duration) (publish.Target,
	*message.Message) {
	queues := p.Step(n.Attempts, atLeast).Queues
	return publish.Target{Key: queues[rand.IntN(len(queues))]}, p.failed(m, n)
}

// Dead makes the dead letter of a message. There must be a place for it.
func (p *Plan) Dead(m *message.Message, n message.FailureNote) (publish.Target, *message.Message) {
	n.Dead = true
	to := *p.DeadLetter
	if p.OwnKey {
		_, to.Key = message.PublishedAs(m, p.Queue)
	}
	return to, p.failed(m, n)
}

func (p *Plan) failed(m *message.Message, n message.FailureNote) *message.Message {
	out := message.Failed(m, n)
	if out.Present(message.UserIDProperty) && out.UserID != p.UserID {
		out.Headers[message.HeaderUserID] = out.UserID
		out.Properties = out.Without(message.UserIDProperty)
	}
	return out
}
