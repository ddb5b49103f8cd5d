// Package layout places the nodes of a directed graph in columns, from left to right, so that edges
// are short, mostly point to the right and rarely cross. It implements the layered graph drawing of
// Sugiyama, Tagawa and Toda. The result depends only on the graph.
//
// Each connected component is placed separately. The components are then packed into one picture. A
// few hundred nodes take milliseconds, ten thousand take a few seconds.
package layout

// Size is the size of an element in the units of the picture (pixels).
type Size struct{ Width, Height float64 }

// Point is a position in the picture. Y grows downwards.
type Point struct{ X, Y float64 }

// Edge leads from one node to another, given by their indices. Label is the size of its label; the
// zero Size means no label. If a cycle requires an edge that points to the left, edges with Back
// are preferred.
type Edge struct {
	From, To int
	Label    Size
	Back     bool
}

// Placed is a finished picture. Nodes are the centres of the nodes.
type Placed struct {
	Size  Size
	Nodes []Point
	Edges []Route
}

// Route is the path of an edge, from the border of its first node to the border of its last.
// Between two points, the edge should be drawn as a curve that leaves and arrives horizontally.
// Label is the centre of the label.
type Route struct {
	Points []Point
	Label  Point
}

// The distances between nodes, edges and parts.
const (
	columnGap = 26.0
	rowGap    = 16.0
	lineGap   = 9.0
	partGap   = 44.0
)

// Place computes the layout of a graph. nodes are the sizes of the nodes. Edges must refer to
// existing nodes.
func Place(nodes []Size, edges []Edge) Placed {
	out := Placed{Nodes: make([]Point, len(nodes)), Edges: make([]Route, len(edges))}
	parts := split(len(nodes), edges)
	sizes := make([]Size, len(parts))
	for i, p := range parts {
		sizes[i] = p.place(nodes, edges, &out)
	}
	offsets, size := pack(sizes)
	for i, p := range parts {
		p.move(offsets[i], &out)
	}
	out.Size = size
	return out
}

// part is a connected component of the graph.
type part struct{ nodes, edges []int }

// split returns the parts, in the order of their first nodes.
func split(n int, edges []Edge) []part {
	var parts []part
	index := map[int]int{}
	component := Components(n, edges)
	for i, c := range component {
		if _, ok := index[c]; !ok {
			index[c] = len(parts)
			parts = append(parts, part{})
		}
		parts[index[c]].nodes = append(parts[index[c]].nodes, i)
	}
	for i, e := range edges {
		k := index[component[e.From]]
		parts[k].edges = append(parts[k].edges, i)
	}
	return parts
}

// Components returns for each of n nodes the first node of its connected component.
func Components(n int, edges []Edge) []int {
	root := make([]int, n)
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, e := range edges {
		a, b := find(e.From), find(e.To)
		root[max(a, b)] = min(a, b)
	}
	for i := range root {
		root[i] = find(i)
	}
	return root
}

func (p part) place(nodes []Size, edges []Edge, out *Placed) Size {
	l := newLayers(p, nodes, edges)
	l.breakCycles()
	l.rank()
	l.lengthen()
	l.order()
	return l.draw(out)
}

func (p part) move(by Point, out *Placed) {
	for _, n := range p.nodes {
		out.Nodes[n] = out.Nodes[n].Plus(by)
	}
	for _, e := range p.edges {
		r := &out.Edges[e]
		r.Label = r.Label.Plus(by)
		for i := range r.Points {
			r.Points[i] = r.Points[i].Plus(by)
		}
	}
}

// Plus returns the sum of p and o.
func (p Point) Plus(o Point) Point { return Point{p.X + o.X, p.Y + o.Y} }
