package layout_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/render/graph/layout"
)

// TestNothingOverlaps places random graphs with cycles and loops. It checks that no two nodes
// overlap, that everything is within the picture, that every edge leads from its first node to its
// last, and that a second layout is the same.
func TestNothingOverlaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		nodes := make([]layout.Size, n)
		for i := range nodes {
			nodes[i] = layout.Size{Width: float64(rapid.IntRange(10, 300).Draw(t, "w")), Height: 40}
		}
		edges := make([]layout.Edge, rapid.IntRange(0, 120).Draw(t, "edges"))
		for i := range edges {
			edges[i] = layout.Edge{From: rapid.IntRange(0, n-1).Draw(t, "from"), To: rapid.IntRange(0, n-1).Draw(t, "to"),
				Back: rapid.Bool().Draw(t, "back")}
			if rapid.Bool().Draw(t, "label") {
				edges[i].Label = layout.Size{Width: 80, Height: 14}
			}
		}
		p := layout.Place(nodes, edges)
		check(t, nodes, edges, p)
		again := layout.Place(nodes, edges)
		for i := range nodes {
			if p.Nodes[i] != again.Nodes[i] {
				t.Fatalf("node %d is elsewhere the second time", i)
			}
		}
	})
}

func check(t *rapid.T, nodes []layout.Size, edges []layout.Edge, p layout.Placed) {
	for i, a := range p.Nodes {
		if math.IsNaN(a.X) || a.X-nodes[i].Width/2 < -0.01 || a.Y-nodes[i].Height/2 < -0.01 ||
			a.X+nodes[i].Width/2 > p.Size.Width+0.01 || a.Y+nodes[i].Height/2 > p.Size.Height+0.01 {
			t.Fatalf("node %d at %v is not in the picture of %v", i, a, p.Size)
		}
		for j := range i {
			b := p.Nodes[j]
			if math.Abs(a.X-b.X) < (nodes[i].Width+nodes[j].Width)/2-0.01 &&
				math.Abs(a.Y-b.Y) < (nodes[i].Height+nodes[j].Height)/2-0.01 {
				t.Fatalf("nodes %d and %d overlap: %v, %v", j, i, b, a)
			}
		}
	}
	for i, e := range edges {
		r := p.Edges[i].Points
		if len(r) < 2 {
			t.Fatalf("edge %d has no way", i)
		}
		for _, end := range []struct {
			node int
			at   layout.Point
		}{{e.From, r[0]}, {e.To, r[len(r)-1]}} {
			if d := math.Abs(end.at.X-p.Nodes[end.node].X) - nodes[end.node].Width/2; math.Abs(d) > 0.01 ||
				math.Abs(end.at.Y-p.Nodes[end.node].Y) > 20 {
				t.Fatalf("edge %d does not end at node %d: %v", i, end.node, end.at)
			}
		}
	}
}

// TestArrowheadsBelongToOneEdge checks that an edge that leaves a node and an edge that arrives at
// it end at different points.
func TestArrowheadsBelongToOneEdge(t *testing.T) {
	size := layout.Size{Width: 100, Height: 40}
	// a queue, its dead letters, and a retry step that returns to it
	placed := layout.Place([]layout.Size{size, size, size}, []layout.Edge{{From: 0, To: 1}, {From: 2, To: 0, Back: true}})
	leaves := placed.Edges[0].Points[0]
	back := placed.Edges[1].Points
	arrives := back[len(back)-1]
	if leaves.X != arrives.X {
		t.Fatalf("one side was expected: %v, %v", leaves, arrives)
	}
	if d := leaves.Y - arrives.Y; d > -10 && d < 10 {
		t.Errorf("the edges meet at %v and %v", leaves, arrives)
	}
}
