package apply_test

import (
	"testing"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// planFor compares a state with the broker, and counts what is at stake as the commands do.
func planFor(t *testing.T, c *broker.Client, want *topology.State) *plan.Plan {
	t.Helper()
	live, err := c.ReadLive(t.Context(), broker.ScopeOf(want))
	if err != nil {
		t.Fatal(err)
	}
	var queues []topology.Ref
	for ref := range live.All() {
		if ref.Kind == topology.KindQueue {
			queues = append(queues, ref)
		}
	}
	if err := c.Refine(t.Context(), live, queues); err != nil {
		t.Fatal(err)
	}
	return plan.Diff(want, live, everything)
}

// TestRandomStatesOnBrokers takes a broker from one random state to the next: applying the
// difference leaves none.
func TestRandomStatesOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		admin := b.Admin()
		var overview struct {
			Version string `json:"rabbitmq_version"`
		}
		admin.Get(t, "/api/overview", &overview)
		w := topologytest.Generator{Name: v.Name, VHost: v.Name, Second: v.Name + " two", Users: v.Name + "-u",
			Version: overview.Version}
		t.Cleanup(func() {
			admin.Delete(t, rabbittest.Path("vhosts", w.Second))
			admin.Delete(t, rabbittest.Path("users", w.Users+"0"))
			admin.Delete(t, rabbittest.Path("users", w.Users+"1"))
			admin.Delete(t, rabbittest.Path("global-parameters", topology.OwnershipParameter(w.Name)))
		})
		c := brokertest.Connect(t, rabbittest.User{URL: b.URL, API: b.API})
		seed, steps := rabbittest.Seed(t), 0
		for i := range 12 {
			steps += advance(t, c, w.States().Example(seed+i))
		}
		if steps < 20 {
			t.Errorf("only %d steps in all: the states are too poor to mean anything", steps)
		}
	})
}

// advance applies what differs from a state and returns how many steps that took.
func advance(t *testing.T, c *broker.Client, want *topology.State) int {
	t.Helper()
	p := planFor(t, c, want)
	result, err := apply.Run(t.Context(), p, c, nil, apply.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, topologytest.Describe(p))
	}
	if err = result.Err(); err != nil {
		for i, r := range result.Steps {
			if r.Outcome != apply.Done {
				t.Errorf("%s %s %s: %v", r.Outcome, p.Steps[i].Action, p.Steps[i].Ref, r.Err)
			}
		}
		t.Fatalf("%v\n%s", err, topologytest.Describe(p))
	}
	if again := planFor(t, c, want); !isEmpty(again, want) || again.Problems.HasErrors() {
		t.Fatalf("a second plan is not empty:\n%s\nthe first was:\n%s", topologytest.Describe(again),
			topologytest.Describe(p))
	}
	return len(p.Steps)
}
