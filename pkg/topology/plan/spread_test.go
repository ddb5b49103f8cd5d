package plan_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func TestPlansSayWhereLeadersBegin(t *testing.T) {
	quorum := func(name string, args ...any) *topology.Queue {
		q := topologytest.Queue(name, args...)
		q.Type, q.TypeDeclared = topology.Quorum, true
		return q
	}
	classic := topologytest.Queue
	for _, test := range []struct {
		name  string
		nodes []string
		want  *topology.State
		plan.Spread
	}{
		{"two of a cluster", []string{"a", "b"}, topologytest.State(quorum("q"), quorum("r"), classic("classic")),
			plan.Spread{Queues: 2, Nodes: 2}},
		{"one node", []string{"a"}, topologytest.State(quorum("q"), quorum("r"), classic("c"), classic("d")), plan.Spread{}},
		{"unknown nodes", nil, topologytest.State(quorum("q"), quorum("r")), plan.Spread{}},
		{"the file says where", []string{"a", "b"}, topologytest.State(quorum("q", "x-queue-leader-locator", "balanced"),
			quorum("r", "x-queue-leader-locator", "balanced"), classic("c", "x-queue-leader-locator", "balanced"),
			classic("d", "x-queue-master-locator", "random"), classic("e")), plan.Spread{}},
		{"classic ones", []string{"a", "b", "c"}, topologytest.State(quorum("q"), classic("c"), classic("d"), classic("e")),
			plan.Spread{Classic: 3, Nodes: 3}},
		{"both", []string{"a", "b"}, topologytest.State(quorum("q"), quorum("r"), classic("c"), classic("d")),
			plan.Spread{Queues: 2, Classic: 2, Nodes: 2}},
	} {
		live := topologytest.BrokerWith().Live()
		live.Server.Nodes = test.nodes
		p := plan.Diff(test.want, live, plan.Options{})
		if (p.Spread == nil) != (test.Spread == plan.Spread{}) || p.Spread != nil && *p.Spread != test.Spread {
			t.Errorf("%s: %+v", test.name, p.Spread)
		}
	}
}
