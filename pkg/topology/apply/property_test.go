package apply_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

var everything = plan.Options{Prune: true, ReplaceEmpty: true,
	PruneKinds: []topology.Kind{topology.KindUser, topology.KindVHost, topology.KindGlobalParameter,
		topology.KindPermission, topology.KindVHostLimit, topology.KindParameter, topology.KindPolicy,
		topology.KindOperatorPolicy}}

func mustApply(t testingT, m *topologytest.Broker, p *plan.Plan) apply.Result {
	t.Helper()
	result, err := apply.Run(t.Context(), p, m, nil, apply.Options{Parallel: 3})
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return result
}

// isEmpty reports whether a plan leaves everything as it is, and nothing that pruning reaches: it
// stays inside the vhosts of the files.
func isEmpty(p *plan.Plan, want *topology.State) bool {
	inReach := func(ref topology.Ref) bool {
		return ref.VHost == "" || slices.Contains(want.VHosts(), ref.VHost)
	}
	return len(p.Steps)+len(p.Unowned) == 0 && !slices.ContainsFunc(p.Undeclared, inReach)
}

func settled(t testingT, want *topology.State, m *topologytest.Broker) {
	t.Helper()
	p := plan.Diff(want, m.Live(), everything)
	if !isEmpty(p, want) {
		t.Fatalf("a second plan is not empty:\n%s", topologytest.Describe(p))
	}
	if p.Unchanged != want.Len() {
		t.Fatalf("%d of %d objects unchanged", p.Unchanged, want.Len())
	}
	owned := topology.Ownership{Refs: map[topology.Ref]bool{}}
	for _, o := range want.Objects() {
		if b, ok := o.(*topology.Binding); !ok || b.Source != "" {
			owned.Refs[o.Ref()] = true
		}
	}
	for _, ref := range p.Undeclared {
		owned.Refs[ref] = true
	}
	if recorded := m.Records[want.Name]; !recorded.Equal(owned) {
		t.Fatalf("the record of ownership differs:\n%s", cmp.Diff(owned.Refs, recorded.Refs))
	}
}

func TestDiffOfEqualStatesIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := topologytest.States("t").Draw(t, "a")
		m := topologytest.NewBroker("/")
		mustApply(t, m, plan.Diff(a, m.Live(), everything))
		settled(t, a, m)
	})
}

func TestApplyingTheDiffLeavesNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := topologytest.States("t").Draw(t, "a"), topologytest.States("t").Draw(t, "b")
		m := topologytest.NewBroker("/")
		mustApply(t, m, plan.Diff(a, m.Live(), everything))
		p := plan.Diff(b, m.Live(), everything)
		result := mustApply(t, m, p)
		if err := result.Err(); err != nil {
			t.Fatalf("%v\nplan:\n%s\nlog:\n%s", err, topologytest.Describe(p), strings.Join(m.Log, "\n"))
		}
		settled(t, b, m)
	})
}

// TestFaultsNeverLoseOwnership applies with random failures, again and again. What exists and did
// not before must be in the record at every moment, and in the end everything is as declared.
func TestFaultsNeverLoseOwnership(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := topologytest.NewBroker("/")
		origin := m.Live()
		for _, want := range []*topology.State{topologytest.States("t").Draw(t, "a"), topologytest.States("t").Draw(t, "b")} {
			faults := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 8).Draw(t, "faults")
			n := 0
			m.Fault = func(op string, ref topology.Ref) error {
				if op == "create" && !m.Records["t"].Refs[ref] {
					t.Errorf("%s is created before it is recorded", ref)
				}
				n++
				for _, f := range faults {
					if n == f && op != "save" {
						return errors.New("refused")
					}
				}
				return nil
			}
			mustApply(t, m, plan.Diff(want, m.Live(), everything))
			for ref := range m.Objects {
				if !origin.Has(ref) && !strings.HasPrefix(ref.Name, "amq.") && !m.Records["t"].Refs[ref] {
					t.Fatalf("%s exists and is not recorded", ref.Full())
				}
			}
			m.Fault = nil
			for range 2 {
				mustApply(t, m, plan.Diff(want, m.Live(), everything))
			}
			settled(t, want, m)
		}
	})
}

func TestDestroyUndoesApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := topologytest.States("t").Draw(t, "a")
		m := topologytest.NewBroker("/")
		before := m.Live()
		mustApply(t, m, plan.Diff(a, m.Live(), everything))
		p := plan.Destroy(a, m.Live(), plan.Options{})
		if err := mustApply(t, m, p).Err(); err != nil {
			t.Fatalf("%v\nplan:\n%s", err, topologytest.Describe(p))
		}
		if len(m.Objects) != before.Len() || len(m.Records) > 0 {
			t.Fatalf("%d objects are left of %d; records %v; plan:\n%s", len(m.Objects), before.Len(), m.Records,
				topologytest.Describe(p))
		}
	})
}

// testingT is what *testing.T and *rapid.T share.
type testingT interface {
	Helper()
	Context() context.Context
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}
