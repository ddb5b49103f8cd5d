package plan

import "github.com/msgctl/msgctl/pkg/topology"

// Spread says where the leaders of new queues begin in a cluster. Those of replicated queues are
// declared on its nodes in turn: they would all be on the node that one is connected to
// (fact leader-is-local).
type Spread struct {
	// Queues are the new quorum queues and streams, 0 for fewer than two.
	Queues int `json:"queues"`
	// Classic are the new classic queues, 0 for fewer than two. They are not spread: each lives on
	// one node only, and a cluster that has lost any node would miss some of them.
	Classic int `json:"classic,omitempty"`
	Nodes   int `json:"nodes"`
}

// The arguments that say where a queue's leader begins; the second is for classic queues of
// older brokers.
const (
	leaderLocator = "x-queue-leader-locator"
	masterLocator = "x-queue-master-locator"
)

// Spreads reports whether it is left to msgctl where a queue's leader begins: it is replicated, and
// its file does not say.
func Spreads(q *topology.Queue) bool {
	_, said := q.Arguments[leaderLocator]
	return !said && (q.Type == topology.Quorum || q.Type == topology.Stream)
}

// spread counts the queues that are declared on several nodes in turn, and the classic ones that
// all land on one.
func (d *differ) spread() {
	s := Spread{Nodes: len(d.have.Server.Nodes)}
	for _, step := range d.plan.Steps {
		q, ok := step.Want.(*topology.Queue)
		switch {
		case !ok || step.Action != Create:
		case Spreads(q):
			s.Queues++
		case q.Type == topology.Classic && q.Arguments[leaderLocator] == nil && q.Arguments[masterLocator] == nil:
			s.Classic++
		}
	}
	if s.Queues == 1 {
		s.Queues = 0
	}
	if s.Classic == 1 {
		s.Classic = 0
	}
	if s.Nodes > 1 && s.Queues+s.Classic > 0 {
		d.plan.Spread = &s
	}
}
