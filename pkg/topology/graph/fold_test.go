package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
)

// manyServices returns a topology of numbered services with five workers each. All workers
// dead-letter, the first also retries.
func manyServices(t *testing.T, services int) *topology.State {
	t.Helper()
	s := &topology.State{}
	add := func(o topology.Object) {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	toDefault := func(key string) topology.Arguments {
		return topology.Arguments{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": key}
	}
	add(&topology.Exchange{VHost: "/", Name: "events", Type: "topic"})
	for i := range services {
		for k := range 5 {
			q := fmt.Sprintf("service%d.worker-%d", i, k)
			add(&topology.Queue{VHost: "/", Name: q, Type: topology.Quorum, Arguments: toDefault(q + ".failed")})
			add(&topology.Queue{VHost: "/", Name: q + ".failed", Type: topology.Classic})
			add(&topology.Binding{VHost: "/", Source: "events", Destination: q, DestinationType: topology.ToQueue,
				RoutingKey: fmt.Sprintf("created.%d", k)})
			if k > 0 {
				continue
			}
			wait := toDefault(q)
			wait["x-message-ttl"] = int64(10_000)
			add(&topology.Queue{VHost: "/", Name: q + ".retry.10s", Type: topology.Quorum, Arguments: wait})
		}
	}
	return s
}

// TestFoldedGraphStandsForEverything checks that every object is in exactly one group and that the
// paths between groups are the paths between their members.
func TestFoldedGraphStandsForEverything(t *testing.T) {
	for _, services := range []int{1, 20, 100} {
		g := graph.New(manyServices(t, services), graph.Options{})
		for _, limit := range []int{1, 3, 50, 150} {
			folded := g.Fold(limit)
			if folded.Objects() != len(g.Nodes) {
				t.Errorf("%d services, limit %d: %d objects of %d", services, limit, folded.Objects(), len(g.Nodes))
			}
			if len(folded.Nodes) > max(limit, 4) { // exchanges, queues, dead letters and retry steps
				t.Errorf("%d services: %d nodes, limit %d", services, len(folded.Nodes), limit)
			}
			for _, e := range folded.Edges {
				if e.From >= len(folded.Nodes) || e.To >= len(folded.Nodes) {
					t.Fatalf("an edge leads nowhere: %+v", e)
				}
			}
		}
	}
}

// TestFoldedGroups checks that the numbered services form one group, separate from their dead
// letters and retry steps.
func TestFoldedGroups(t *testing.T) {
	g := graph.New(manyServices(t, 100), graph.Options{}).Fold(150)
	got := map[string]int{}
	for _, n := range g.Nodes {
		got[n.Ref.Name+" "+string(n.Role)] = max(1, len(n.Members))
	}
	want := map[string]int{"events ": 1, "service*.worker-* ": 500, "service*.worker-*.failed dead letters": 500,
		"service*.worker-*.retry* wait": 100}
	for name, count := range want {
		if got[name] != count {
			t.Errorf("%q stands for %d, want %d; groups: %v", name, got[name], count, got)
		}
	}
	if len(g.Edges) != 4 || len(g.Edges[0].Labels) != 5 {
		t.Errorf("edges: %+v", g.Edges)
	}
}

// TestErrorsStaySingle checks that an object with a serious problem is not folded.
func TestErrorsStaySingle(t *testing.T) {
	bad := topology.QueueRef("/", "service7.worker-3")
	g := graph.New(manyServices(t, 100), graph.Options{Problems: map[topology.Ref][]graph.Problem{
		bad: {{Text: "its dead letters are lost"}}}}).Fold(150)
	single := func(n graph.Node) bool { return n.Ref == bad && !n.IsFolded() && len(n.Problems) == 1 }
	if !slices.ContainsFunc(g.Nodes, single) {
		t.Error("the queue with an error is in a group")
	}
}

// TestProblemsInsideAGroup checks that an edge between members of one group leaves its problems to
// the group.
func TestProblemsInsideAGroup(t *testing.T) {
	g := &graph.Graph{}
	for i := range 6 {
		g.Nodes = append(g.Nodes, graph.Node{Ref: topology.QueueRef("/", fmt.Sprintf("work.%d", i)), Type: topology.Quorum})
	}
	g.Edges = []graph.Edge{
		{From: 0, To: 1, Kind: graph.DeadLetter, Problems: []graph.Problem{{Text: "a cycle"}}},
		{From: 2, To: 3, Kind: graph.DeadLetter, Lost: true}, {From: 3, To: 4, Kind: graph.DeadLetter, Lost: true},
	}
	folded := g.Fold(2)
	if len(folded.Nodes) != 1 || len(folded.Edges) != 0 || len(folded.Nodes[0].Problems) != 2 {
		t.Errorf("%+v", folded)
	}
}

// TestCountOfAGroup checks that the count of a group is known only if those of all members are.
func TestCountOfAGroup(t *testing.T) {
	for _, known := range []bool{true, false} {
		g := &graph.Graph{}
		for i := range 3 {
			g.Nodes = append(g.Nodes, graph.Node{Ref: topology.QueueRef("/", fmt.Sprintf("work.%d", i)), Type: topology.Quorum,
				Status: topology.QueueStatus{Messages: 2, Known: known || i != 1}})
		}
		folded := g.Fold(1)
		want := topology.QueueStatus{}
		if known {
			want = topology.QueueStatus{Messages: 6, Known: true}
		}
		if len(folded.Nodes) != 1 || folded.Nodes[0].Status != want {
			t.Errorf("all known: %v: %+v", known, folded.Nodes)
		}
	}
}
