package plan_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func TestPlansSayThatLeadersAreSpread(t *testing.T) {
	quorum := func(name string, args ...any) *topology.Queue {
		q := topologytest.Queue(name, args...)
		q.Type, q.TypeDeclared = topology.Quorum, true
		return q
	}
	for _, test := range []struct {
		name  string
		nodes []string
		want  *topology.State
		queue int
	}{
		{"two of a cluster", []string{"a", "b"}, topologytest.State(quorum("q"), quorum("r"), topologytest.Queue("classic")), 2},
		{"one node", []string{"a"}, topologytest.State(quorum("q"), quorum("r")), 0},
		{"unknown nodes", nil, topologytest.State(quorum("q"), quorum("r")), 0},
		{"the file says where", []string{"a", "b"}, topologytest.State(quorum("q", "x-queue-leader-locator", "balanced"),
			quorum("r", "x-queue-leader-locator", "balanced")), 0},
	} {
		live := topologytest.BrokerWith().Live()
		live.Server.Nodes = test.nodes
		p := plan.Diff(test.want, live, plan.Options{})
		if (p.Spread == nil) != (test.queue == 0) || p.Spread != nil && *p.Spread != (plan.Spread{Queues: test.queue, Nodes: 2}) {
			t.Errorf("%s: %+v", test.name, p.Spread)
		}
	}
}
