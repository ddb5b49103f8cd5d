package discover

import (
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ConventionBroker is the result of ErrorConvention for the broker's own death history.
const ConventionBroker = "RabbitMQ"

// ErrorConvention returns the convention by which a message at the head of a queue records that it
// failed in another queue. It is a framework's name, ConventionBroker for a message that died in
// another queue, or "" if it records nothing. m.Queue must be the queue that the message is in. A
// message that is back where it failed, or that was replayed, is being processed again and records
// nothing. Neither does a Celery task, since all tasks have such headers. Nor does a Dapr event:
// Dapr may publish to an exchange whose name is that of the topic with the namespace in front.
func ErrorConvention(m *message.Message) string {
	if from := m.Headers.Text(message.HeaderReplayFrom); from != "" && from != m.Queue {
		return ""
	}
	if f, ok := message.FailureOf(m); ok && f.Framework != message.FrameworkCelery &&
		f.Framework != message.FrameworkDapr {
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

// AddByContent adds a queue that Discover did not find and whose first message follows a
// convention.
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
