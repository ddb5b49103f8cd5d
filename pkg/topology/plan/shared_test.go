package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// Two environments of one file share the users that it declares, also those without permissions.
func TestUsersOfTwoEnvironments(t *testing.T) {
	u := &topology.User{Name: "u", Tags: []string{"monitoring"}}
	m := topologytest.BrokerWith(u).Owns("dev", u)
	p := plan.Diff(topologytest.State(u), m.Live(), plan.Options{})
	if !p.Empty() || !p.OnlyRecords() || !p.Ownership.Refs[u.Ref()] || len(p.Problems) > 0 {
		t.Errorf("a user that another environment made is not recorded: %s", topologytest.Describe(p))
	}
	m.Owns("t", u)
	for how, p := range bothWays(m, u) {
		text := p.Problems.Error()
		if len(p.Steps) > 0 || p.Ownership.Refs[u.Ref()] || !strings.Contains(text, `topology "dev" owns it, too`) {
			t.Errorf("%s: %s%s", how, topologytest.Describe(p), text)
		}
	}
	delete(m.Records, "dev")
	for how, p := range bothWays(m, u) {
		if p.Count(plan.Delete) != 1 {
			t.Errorf("%s of the last that has it: %s", how, topologytest.Describe(p))
		}
	}
}

func TestPlansSayWhatTheTopologyDidNotCreate(t *testing.T) {
	mine, theirs := topologytest.Queue("mine"), topologytest.Queue("theirs")
	m := topologytest.BrokerWith(mine, theirs).Owns("t", mine)
	changed := topologytest.State(topologytest.Queue("theirs", "x-max-length", int64(1)))
	for how, p := range map[string]*plan.Plan{
		"destroy": plan.Destroy(topologytest.State(mine, theirs), topologytest.BrokerWith(theirs).Live(), plan.Options{}),
		"replace": plan.Diff(changed, m.Live(), plan.Options{ReplaceEmpty: true}),
	} {
		if p.Refusal() != nil || !slices.Equal(p.Foreign, []topology.Ref{theirs.Ref()}) {
			t.Errorf("%s: %v", how, p.Foreign)
		}
	}
	nameless := topologytest.State(theirs)
	nameless.Name = ""
	if p := plan.Destroy(nameless, m.Live(), plan.Options{}); len(p.Foreign) > 0 {
		t.Errorf("without a name nothing is known: %v", p.Foreign)
	}
}

func TestDestroyInAVHostThatIsMissing(t *testing.T) {
	q := topologytest.Queue("q")
	q.VHost = "gone"
	live := topologytest.BrokerWith().Live()
	live.MissingVHosts = []string{"gone"}
	p := plan.Destroy(topologytest.State(q), live, plan.Options{})
	if !p.Problems.HasErrors() || !strings.Contains(p.Problems.Error(), `vhost "gone" does not exist`) ||
		strings.Contains(p.Problems.Error(), "add to the file") {
		t.Errorf("%v", p.Problems)
	}
	v := &topology.VHost{Name: "gone"}
	if p := plan.Destroy(topologytest.State(v, q), live, plan.Options{}); !p.Empty() || len(p.Problems) > 0 {
		t.Errorf("a vhost of the file that is gone already: %v", p.Problems)
	}
}
