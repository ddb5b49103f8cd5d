package plan_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// A record is a claim: pruning stays inside the vhosts and the kinds that the files name.
func TestPruneStaysInsideTheKindsOfTheFiles(t *testing.T) {
	mine := topologytest.Queue("mine")
	other := &topology.Policy{VHost: "/", Name: "other", Pattern: "x", ApplyTo: "queues",
		Definition: topology.Arguments{"max-length": int64(1)}}
	elsewhere := topologytest.Queue("elsewhere")
	elsewhere.VHost = "unnamed"
	operator := &topology.Policy{VHost: "/", Name: "p", Pattern: "x", ApplyTo: "queues", Operator: true}
	gone := map[topology.Object]topology.Kind{
		&topology.Policy{VHost: "/", Name: "p", Pattern: "x", ApplyTo: "queues"}: topology.KindPolicy,
		operator: topology.KindOperatorPolicy,
		&topology.Parameter{VHost: "/", Component: "shovel", Name: "s", Value: map[string]any{}}: topology.KindParameter,
		&topology.VHostLimit{VHost: "/", Name: "max-queues", Value: 5}:                           topology.KindVHostLimit,
		&topology.Permission{VHost: "/", User: "u"}:                                              topology.KindPermission,
		&topology.TopicPermission{VHost: "/", User: "u", Exchange: "amq.topic"}:                  topology.KindPermission,
		elsewhere: "",
	}
	gone[&topology.GlobalParameter{Name: "g", Value: int64(1)}] = topology.KindGlobalParameter
	for o, kind := range gone {
		live := topologytest.BrokerWith(mine, o).Owns("t", mine, o).Live()
		p := plan.Diff(topologytest.State(mine), live, plan.Options{Prune: true})
		needs, outOfReach := p.PruneNeeds[o.Ref()]
		if !p.Empty() || len(p.Undeclared) != 1 || !outOfReach || needs != kind {
			t.Errorf("%s: needs %q\n%s", o.Ref(), needs, topologytest.Describe(p))
		}
		if kind == "" {
			continue
		}
		p = plan.Diff(topologytest.State(mine), live, plan.Options{Prune: true, PruneKinds: []topology.Kind{kind}})
		if p.Count(plan.Delete) != 1 {
			t.Errorf("%s, named: %s", o.Ref(), topologytest.Describe(p))
		}
	}
	old := &topology.Policy{VHost: "/", Name: "old", Pattern: "x", ApplyTo: "queues"}
	live := topologytest.BrokerWith(mine, old, other).Owns("t", mine, old, other).Live()
	if p := plan.Diff(topologytest.State(mine, other), live, plan.Options{Prune: true}); p.Count(plan.Delete) != 1 {
		t.Errorf("a policy beside another: %s", topologytest.Describe(p))
	}
}

// Files that name no vhost reach the home of the topology and no other vhost.
func TestPruneWithFilesThatNameNoVHost(t *testing.T) {
	here, elsewhere := topologytest.Queue("q"), topologytest.Queue("q")
	elsewhere.VHost = "elsewhere"
	for home, gone := range map[string]topology.Object{"": here, "/": here, "elsewhere": elsewhere} {
		want := topologytest.State()
		want.Home = home
		m := topologytest.BrokerWith(here, elsewhere).Owns(want.Owner(), here, elsewhere)
		p := plan.Diff(want, m.Live(), plan.Options{Prune: true})
		if len(p.Steps) != 1 || p.Steps[0].Ref != gone.Ref() || len(p.Undeclared) != 1 {
			t.Errorf("home %q: %s", home, topologytest.Describe(p))
		}
	}
}

// Naming vhosts reaches what goes with a vhost, and not what is in one that the files still use.
func TestPruneOfVHostsLeavesThoseInUse(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	used := topologytest.Queue("used")
	used.VHost = "v"
	policy := &topology.Policy{VHost: "v", Name: "p", Pattern: "x", ApplyTo: "queues"}
	m := topologytest.BrokerWith(used, policy)
	m.AddVHost(v)
	m.Owns("t", v, used, policy)
	options := plan.Options{Prune: true, PruneKinds: []topology.Kind{topology.KindVHost}}
	for _, want := range []*topology.State{topologytest.State(used), topologytest.State(v, used)} {
		p := plan.Diff(want, m.Live(), options)
		if !p.Empty() || p.PruneNeeds[policy.Ref()] != topology.KindPolicy {
			t.Errorf("needs %q: %s", p.PruneNeeds[policy.Ref()], topologytest.Describe(p))
		}
	}
	if p := plan.Diff(topologytest.State(topologytest.Queue("other")), m.Live(), options); p.Count(plan.Delete) != 1 {
		t.Errorf("a vhost that goes: %s", topologytest.Describe(p))
	}
}
