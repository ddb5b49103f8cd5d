package plan

import "github.com/msgctl/msgctl/pkg/topology"

// Spread says that new replicated queues are declared on the nodes of a cluster in turn: their
// leaders would all be on the node that one is connected to (fact leader-is-local).
type Spread struct {
	Queues int `json:"queues"`
	Nodes  int `json:"nodes"`
}

const leaderLocator = "x-queue-leader-locator"

// Spreads reports whether it is left to msgctl where a queue's leader begins: it is replicated, and
// its file does not say.
func Spreads(q *topology.Queue) bool {
	_, said := q.Arguments[leaderLocator]
	return !said && (q.Type == topology.Quorum || q.Type == topology.Stream)
}

// spread counts the queues that are declared on several nodes in turn.
func (d *differ) spread() {
	n := 0
	for _, s := range d.plan.Steps {
		if q, ok := s.Want.(*topology.Queue); ok && s.Action == Create && Spreads(q) {
			n++
		}
	}
	if nodes := len(d.have.Server.Nodes); n > 1 && nodes > 1 {
		d.plan.Spread = &Spread{Queues: n, Nodes: nodes}
	}
}
