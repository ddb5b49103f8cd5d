package plan_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func adoptingFrom(names ...string) plan.Options { return plan.Options{AdoptFrom: names} }

func TestAdoptFrom(t *testing.T) {
	a, b, mine := topologytest.Queue("a"), topologytest.Queue("b"), topologytest.Queue("mine")
	m := topologytest.BrokerWith(a, b, mine).Owns("old", a, b).Owns("t", mine).Owns("third", mine)
	want := topologytest.State(topologytest.Queue("a", "x-max-length", int64(5)), mine)

	p := plan.Diff(topologytest.State(a, mine), m.Live(), adoptingFrom("old"))
	if got := topologytest.Describe(p); !strings.Contains(got, `adopt queue "a"`) || p.Refusal() != nil {
		t.Errorf("an equal object:\n%s%v", got, p.Refusal())
	}
	if !p.Ownership.Refs[a.Ref()] || p.Ownership.Refs[b.Ref()] || len(p.Released) != 1 || p.Released[0].Name != "old" {
		t.Errorf("own record %v, released %v", p.Ownership.Refs, p.Released)
	}
	if text := p.Problems.Error(); !strings.Contains(text, `topology "old" keeps 1 object`) || !strings.Contains(text, `queue "b"`) {
		t.Errorf("what stays: %s", text)
	}
	for _, options := range []plan.Options{{}, {Adopt: true}, {ReplaceEmpty: true}} {
		p := plan.Diff(want, m.Live(), options)
		if len(p.Blocked()) != 1 || !strings.Contains(p.Blocked()[0].Blocked, `belongs to topology "old"`) {
			t.Errorf("%+v: %s", options, topologytest.Describe(p))
		}
	}
	p = plan.Diff(want, m.Live(), plan.Options{AdoptFrom: []string{"old"}, ReplaceEmpty: true})
	if p.Refusal() != nil || !p.Ownership.Refs[a.Ref()] {
		t.Errorf("a changed object: %s%v", topologytest.Describe(p), p.Refusal())
	}
	for name, wrong := range map[string]string{"odl": "did you mean old?", "t": "this topology's own name",
		"zzzzzz": "recorded are: old, third"} {
		p := plan.Diff(want, m.Live(), adoptingFrom(name))
		if !p.Problems.HasErrors() || !strings.Contains(p.Problems.Error(), wrong) {
			t.Errorf("from %s: %v", name, p.Problems)
		}
	}
	if p := plan.Diff(topologytest.State(mine), m.Live(), adoptingFrom("old")); len(p.Released) != 0 ||
		!strings.Contains(p.Problems.Error(), "owns nothing that the files declare") {
		t.Errorf("nothing to take: %v %v", p.Released, p.Problems)
	}
	if p := plan.Diff(topologytest.State(mine), m.Live(), plan.Options{Adopt: true, Prune: true}); !p.Empty() {
		t.Errorf("an object of two topologies: %s", topologytest.Describe(p))
	}
}

// What another record claims is given up by pruning, not deleted, and the plan says so.
func TestWhatMovedToAnotherTopologyIsGivenUp(t *testing.T) {
	a := topologytest.Queue("a")
	m := topologytest.BrokerWith(a).Owns("t", a).Owns("two", a)
	for _, prune := range []bool{false, true} {
		p := plan.Diff(topologytest.State(), m.Live(), plan.Options{Prune: prune})
		if !p.Empty() || !p.OnlyRecords() || len(p.Ownership.Refs) != 0 ||
			!strings.Contains(p.Problems.Error(), `given up: topology "two" owns it, too`) {
			t.Errorf("prune %v: %s%v", prune, topologytest.Describe(p), p.Problems)
		}
	}
}

func TestRecordsOfVHostsThatAreGone(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	inGone := &topology.Queue{VHost: "gone", Name: "q"}
	inV := &topology.Queue{VHost: "v", Name: "q"}
	user := &topology.User{Name: "u"}
	forgotten := func(p *plan.Plan) string {
		var names []string
		for _, o := range p.Forgotten {
			names = append(names, o.Name)
		}
		return strings.Join(names, " ")
	}
	m := topologytest.BrokerWith(user)
	m.AddVHost(v)
	m.Owns("t", v).Owns("b@gone", inGone).Owns("c@v", inV).Owns("d@gone", inGone, user)
	live := m.Live()
	if got := forgotten(plan.Diff(topologytest.State(v), live, everything)); got != "" {
		t.Errorf("a login that does not see all vhosts forgets %s", got)
	}
	live.Server.Tags = []string{"administrator"}
	if got := forgotten(plan.Diff(topologytest.State(v), live, plan.Options{})); got != "" {
		t.Errorf("forgotten without pruning: %s", got)
	}
	p := plan.Diff(topologytest.State(v), live, plan.Options{PruneKinds: clusterKinds, Prune: true})
	if got := forgotten(p); got != "b@gone" || !p.OnlyRecords() {
		t.Errorf("forgotten: %s", got)
	}
	if got := forgotten(plan.Destroy(topologytest.State(v), live, plan.Options{})); got != "b@gone c@v" {
		t.Errorf("forgotten with the vhost: %s", got)
	}
}
