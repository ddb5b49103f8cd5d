package topology_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology"
)

var everything = topology.DiffOptions{Prune: true, ReplaceEmpty: true}

func apply(t require, m *model, p *topology.Plan) topology.Result {
	t.Helper()
	result, err := topology.Apply(t.Context(), p, m, nil, topology.ApplyOptions{Parallel: 3})
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return result
}

func settled(t require, want *topology.State, m *model) {
	t.Helper()
	p := topology.Diff(want, m.live(), everything)
	if len(p.Steps)+len(p.Undeclared)+len(p.Unowned) > 0 {
		t.Fatalf("a second plan is not empty:\n%s", describe(p))
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
	if recorded := m.records[want.Name]; !recorded.Equal(owned) {
		t.Fatalf("the record of ownership differs:\n%s", cmp.Diff(owned.Refs, recorded.Refs))
	}
}

func TestDiffOfEqualStatesIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := states("t").Draw(t, "a")
		m := newModel("/")
		apply(t, m, topology.Diff(a, m.live(), everything))
		settled(t, a, m)
	})
}

func TestApplyingTheDiffLeavesNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := states("t").Draw(t, "a"), states("t").Draw(t, "b")
		m := newModel("/")
		apply(t, m, topology.Diff(a, m.live(), everything))
		p := topology.Diff(b, m.live(), everything)
		result := apply(t, m, p)
		if err := result.Err(); err != nil {
			t.Fatalf("%v\nplan:\n%s\nlog:\n%s", err, describe(p), strings.Join(m.log, "\n"))
		}
		settled(t, b, m)
	})
}

// TestFaultsNeverLoseOwnership applies with random failures, again and again. What exists and did
// not before must be in the record at every moment, and in the end everything is as declared.
func TestFaultsNeverLoseOwnership(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel("/")
		origin := m.live()
		for _, want := range []*topology.State{states("t").Draw(t, "a"), states("t").Draw(t, "b")} {
			faults := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 8).Draw(t, "faults")
			n := 0
			m.fault = func(op string, ref topology.Ref) error {
				if op == "create" && !m.records["t"].Refs[ref] {
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
			apply(t, m, topology.Diff(want, m.live(), everything))
			for ref := range m.objects {
				if !origin.Has(ref) && !strings.HasPrefix(ref.Name, "amq.") && !m.records["t"].Refs[ref] {
					t.Fatalf("%s exists and is not recorded", ref.Full())
				}
			}
			m.fault = nil
			for range 2 {
				apply(t, m, topology.Diff(want, m.live(), everything))
			}
			settled(t, want, m)
		}
	})
}

func TestDestroyUndoesApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := states("t").Draw(t, "a")
		m := newModel("/")
		before := m.live()
		apply(t, m, topology.Diff(a, m.live(), everything))
		p := topology.DiffDestroy(a, m.live(), topology.DiffOptions{})
		if err := apply(t, m, p).Err(); err != nil {
			t.Fatalf("%v\nplan:\n%s", err, describe(p))
		}
		if len(m.objects) != before.Len() || len(m.records) > 0 {
			t.Fatalf("%d objects are left of %d; records %v; plan:\n%s", len(m.objects), before.Len(), m.records, describe(p))
		}
	})
}
