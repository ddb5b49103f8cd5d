package discover

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ConventionBroker is what ErrorConvention returns for the broker's own death history.
const ConventionBroker = "RabbitMQ"

// ErrorConvention returns by whose convention a message at the head of a queue says that it failed
// elsewhere and was put here: a framework's name, ConventionBroker for a message that died in
// another queue, and "" for one that says nothing. m.Queue must be the queue that it is in.
//
// A message that is back where it failed, or that a replay brought, is at work again: it says
// nothing. So does a Celery task: its headers are those of every task.
func ErrorConvention(m *message.Message) string {
	if from := m.Headers.Text(message.HeaderReplayFrom); from != "" && from != m.Queue {
		return ""
	}
	if f, ok := message.FailureOf(m); ok && f.Framework != message.FrameworkCelery {
		if f.Queue == m.Queue {
			return ""
		}
		return f.Framework
	}
	for _, d := range m.Deaths().All() {
		if d.Queue == m.Queue {
			return ""
		}
	}
	if m.Deaths().None() {
		return ""
	}
	return ConventionBroker
}

// AddByContent adds a queue that Discover did not find, and whose first message tells by whose
// convention it failed.
func (d *Discovery) AddByContent(q *topology.Queue, s topology.QueueStatus, convention string) {
	for _, known := range d.Queues {
		if known.VHost == q.VHost && known.Name == q.Name {
			return
		}
	}
	d.Queues = append(d.Queues, Queue{VHost: q.VHost, Name: q.Name, Type: q.Type, Role: RoleDeadLetter,
		ByContent: convention, Status: s})
	d.sortQueues()
}
