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

// TestEdgesPassBesideNodes checks that no edge moves up or down where a node of any column is, so
// that no curve touches a node that is not at its end.
func TestEdgesPassBesideNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "n")
		nodes := make([]layout.Size, n)
		for i := range nodes {
			nodes[i] = layout.Size{Width: float64(rapid.IntRange(10, 300).Draw(t, "w")), Height: 40}
		}
		edges := make([]layout.Edge, n-1, 2*n) // one component: columns of different components are independent
		for i := range edges {
			edges[i] = layout.Edge{From: rapid.IntRange(0, i).Draw(t, "from"), To: i + 1}
		}
		for range rapid.IntRange(0, n).Draw(t, "more") {
			edges = append(edges, layout.Edge{From: rapid.IntRange(0, n-1).Draw(t, "from"),
				To: rapid.IntRange(0, n-1).Draw(t, "to"), Back: rapid.Bool().Draw(t, "back")})
		}
		p := layout.Place(nodes, edges)
		for i, e := range edges {
			points := p.Edges[i].Points
			for k := 1; k < len(points) && e.From != e.To; k++ {
				left, right := min(points[k-1].X, points[k].X), max(points[k-1].X, points[k].X)
				for v, at := range p.Nodes {
					beside := at.X+nodes[v].Width/2 <= left+0.01 || at.X-nodes[v].Width/2 >= right-0.01
					if points[k-1].Y != points[k].Y && !beside {
						t.Fatalf("edge %d moves from %v to %v, and node %d of width %v is at %v", i, points[k-1], points[k], v,
							nodes[v].Width, at)
					}
				}
			}
		}
	})
}

// TestWaitQueuesOfOneQueue checks the picture of a queue with four wait queues: they are in their
// order, the lines to a wait queue and back do not cross, and no arrowhead touches a line of the
// other direction.
func TestWaitQueuesOfOneQueue(t *testing.T) {
	const steps = 4
	nodes := make([]layout.Size, steps+1)
	for i := range nodes {
		nodes[i] = layout.Size{Width: float64(100 + 10*i), Height: 40}
	}
	var edges []layout.Edge
	for i := range steps {
		edges = append(edges, layout.Edge{From: 0, To: i + 1})
	}
	for i := range steps { // in another order
		edges = append(edges, layout.Edge{From: steps - i, To: 0, Back: true})
	}
	p := layout.Place(nodes, edges)
	last := func(r layout.Route) layout.Point { return r.Points[len(r.Points)-1] }
	for i := range steps {
		there, back := p.Edges[i], p.Edges[2*steps-1-i]
		if i > 0 && p.Nodes[i].Y > p.Nodes[i+1].Y {
			t.Errorf("wait queue %d is above wait queue %d", i, i-1)
		}
		if (there.Points[0].Y < last(back).Y) != (last(there).Y < back.Points[0].Y) {
			t.Errorf("the lines of wait queue %d cross", i)
		}
		for k := range steps {
			if d := last(p.Edges[steps+k]).Y - there.Points[0].Y; d > -5 && d < 5 {
				t.Errorf("lines %d and %d meet at the queue", i, steps+k)
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
