package exporter

import (
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Snapshot is what one collection found.
type Snapshot struct {
	// Open are the vhosts that could be read, Closed those that could not.
	Open, Closed []string
	// Queues are those that the topology file declares, DeadLetters those where dead letters wait
	// for a person.
	Queues, DeadLetters []Queue
	// Losing are queues whose dead letters, or some, reach nothing.
	Losing []LosingQueue
	// Drift counts the steps of a plan, by vhost and action; nil without a topology file. What
	// belongs to no vhost is under "".
	Drift map[string]map[plan.Action]int
	// Findings are those of lint; nil when it could not be run.
	Findings map[Finding]int
}

// Queue is a queue with its counts.
type Queue struct {
	VHost, Name               string
	Ready, Unacked, Consumers int64
	// ReadyBytes are the bytes of its ready messages, or -1 if they were not read.
	ReadyBytes int64
	// Known is false when the broker gave no counts.
	Known bool
	// Sample is the latest sample of its messages, or nil if there is none yet, or if the queue has
	// become empty.
	Sample *Sample
}

func (q Queue) ref() topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: q.VHost, Name: q.Name}
}

// LosingQueue is a queue whose dead letters reach no queue.
type LosingQueue struct {
	VHost, Queue string
	// Certain is false when it depends on routing keys, headers or plugins.
	Certain bool
}

// Finding is a kind of findings that are counted together.
type Finding struct{ VHost, Severity, Rule string }

// Sample summarises the first messages of a queue.
type Sample struct {
	At time.Time
	// Refused says that the queue was not browsed, because that could do harm, or that browsing failed.
	Refused bool
	// Messages is how many were looked at.
	Messages int
	// Oldest is when the first of them failed; zero when it does not tell.
	Oldest time.Time
	// Deaths counts them by why and where they died.
	Deaths map[Death]int
}

// Death is why and where a message died. Both are bounded: see NewDeath.
type Death struct{ Reason, Queue string }

// Other stands for what is not told apart: a time series for each value that comes from outside
// would have no end.
const Other = "other"

// NewDeath reads a message. A reason that no broker and no msgctl gives, and a queue that does not
// exist, become Other: a message is written by anybody.
func NewDeath(m *message.Message, isWait, exists func(queue string) bool) Death {
	o, ok := m.Origin(isWait)
	if !ok {
		return Death{Reason: "unknown"}
	}
	d := Death{Reason: Other, Queue: Other}
	switch o.Reason {
	case message.ReasonRejected, message.ReasonExpired, message.ReasonMaxLength, message.ReasonDeliveryLimit,
		message.ReasonFailed:
		d.Reason = o.Reason
	}
	if o.Queue == "" || exists(o.Queue) {
		d.Queue = o.Queue
	}
	return d
}
