package layout

import "slices"

// layers is the state of the placement of one part. Its vertices are the nodes of the part, then
// the bends. A bend is a point that a long edge passes through, or a label, which needs room like a
// node.
type layers struct {
	part  part
	edges []Edge
	at    []vertex
	links []link
	// out and in are the outgoing and incoming links of each vertex.
	out, in [][]int
	// columns are the vertices of each rank, from top to bottom.
	columns [][]int
	// way is, for each edge of the part, the vertices that it passes through, from left to right.
	way [][]int
	// widths are the widths of the columns.
	widths []float64
	// offsets are the ports of the borders of nodes, as far as they are known.
	offsets map[side]map[int]float64
}

// side is one border of a vertex.
type side struct {
	vertex int
	right  bool
}

type vertex struct {
	size Size
	rank int
	// place is the index in the column, y the vertical position of the centre.
	place int
	y     float64
	bend  bool
}

// link joins two vertices, of which from is on the left.
type link struct {
	from, to int
	edge     int // in part.edges
	// turn reports whether the method turn must swap from and to, so that the link leads to the
	// right.
	turn bool
}

func newLayers(p part, nodes []Size, edges []Edge) *layers {
	l := &layers{part: p, edges: edges, offsets: map[side]map[int]float64{}}
	local := map[int]int{}
	for i, n := range p.nodes {
		local[n] = i
		l.at = append(l.at, vertex{size: nodes[n]})
	}
	for i, e := range p.edges {
		if edges[e].From != edges[e].To {
			l.links = append(l.links, link{from: local[edges[e].From], to: local[edges[e].To], edge: i})
		}
	}
	l.pairUp()
	l.index()
	return l
}

// pairUp moves links between the same vertices next to each other. The order of the links decides
// where vertices are if all orders have as many crossings.
func (l *layers) pairUp() {
	first := map[[2]int]int{}
	ends := func(k link) [2]int { return [2]int{min(k.from, k.to), max(k.from, k.to)} }
	for i, k := range l.links {
		if _, ok := first[ends(k)]; !ok {
			first[ends(k)] = i
		}
	}
	slices.SortStableFunc(l.links, func(a, b link) int { return first[ends(a)] - first[ends(b)] })
}

func (l *layers) index() {
	l.out, l.in = make([][]int, len(l.at)), make([][]int, len(l.at))
	for i, k := range l.links {
		l.out[k.from], l.in[k.to] = append(l.out[k.from], i), append(l.in[k.to], i)
	}
}

// breakCycles reverses links until there is no cycle: the back edges of a depth-first search. The
// search starts at vertices without incoming edges and follows edges that are not marked Back
// first.
func (l *layers) breakCycles() {
	for v := range l.out {
		slices.SortStableFunc(l.out[v], func(a, b int) int { return l.back(a) - l.back(b) })
	}
	for i := range l.links {
		k := &l.links[i]
		// no edge leads to k.from: place it on the right of the node that it leads back to
		k.turn = l.back(i) == 1 && len(l.in[k.from]) == 0
	}
	l.turn()
	state := make([]uint8, len(l.at))
	for _, onlySources := range []bool{true, false} {
		for v := range l.at {
			if state[v] == 0 && (!onlySources || l.isSource(v)) {
				l.walk(v, state)
			}
		}
	}
	l.turn()
}

// turn reverses the links that are marked with turn.
func (l *layers) turn() {
	for i := range l.links {
		if k := &l.links[i]; k.turn {
			k.from, k.to, k.turn = k.to, k.from, false
		}
	}
	l.index()
}

func (l *layers) back(link int) int {
	if l.edges[l.part.edges[l.links[link].edge]].Back {
		return 1
	}
	return 0
}

// isSource reports whether all edges that lead to the vertex are marked Back.
func (l *layers) isSource(v int) bool {
	return !slices.ContainsFunc(l.in[v], func(k int) bool { return l.back(k) == 0 })
}

// walk visits all vertices that can be reached from start, depth first, and marks back edges. It
// does not recurse, because a path can be as long as the graph is large.
func (l *layers) walk(start int, state []uint8) {
	const open, done = 1, 2
	type step struct{ v, next int }
	stack := []step{{v: start}}
	state[start] = open
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(l.out[top.v]) {
			state[top.v] = done
			stack = stack[:len(stack)-1]
			continue
		}
		k := &l.links[l.out[top.v][top.next]]
		top.next++
		switch state[k.to] {
		case open:
			k.turn = true
		case 0:
			state[k.to] = open
			stack = append(stack, step{v: k.to})
		}
	}
}

// rank assigns each vertex to a column, as far left as its edges allow. To shorten edges, it then
// moves vertices with no more incoming than outgoing edges as far right as their edges allow. An
// edge spans at least two columns, so that its label has its own column.
func (l *layers) rank() {
	order := l.topological()
	stagger := make([]int, len(l.at))
	l.leftmost(order, stagger)
	spread := l.stagger(stagger)
	if spread {
		l.leftmost(order, stagger)
	}
	for i := len(order) - 1; i >= 0; i-- {
		v := order[i]
		if len(l.out[v]) == 0 || len(l.out[v]) < len(l.in[v]) || spread && len(l.in[v]) > 0 {
			continue
		}
		nearest := l.at[l.links[l.out[v][0]].to].rank
		for _, k := range l.out[v] {
			nearest = min(nearest, l.at[l.links[k].to].rank)
		}
		l.at[v].rank = max(l.at[v].rank, nearest-2)
	}
}

func (l *layers) leftmost(order, stagger []int) {
	for _, v := range order {
		l.at[v].rank = stagger[v]
		for _, k := range l.in[v] {
			l.at[v].rank = max(l.at[v].rank, l.at[l.links[k].from].rank+2+stagger[v])
		}
	}
}

// tall is the maximum number of vertices of a column before it is spread over several columns, wide
// the maximum number of those columns.
const (
	tall = 26
	wide = 5
)

// stagger spreads the vertices of columns that are too tall over several columns. It sets in by how
// far each vertex moves to the right. It reports whether it spread any column.
func (l *layers) stagger(by []int) bool {
	columns := map[int][]int{}
	for v := range l.at {
		columns[l.at[v].rank] = append(columns[l.at[v].rank], v)
	}
	any := false
	for _, column := range columns {
		if parts := min(wide, (len(column)+tall-1)/tall); parts > 1 {
			any = true
			groups := map[int]int{}
			for _, v := range column {
				with := l.together(v)
				if _, ok := groups[with]; !ok {
					groups[with] = len(groups)
				}
				by[v] = 2 * (groups[with] % parts)
			}
		}
	}
	return any
}

// together returns a vertex with which v stays when its column is spread. The wait queues of one
// queue, which are joined only to it and by edges in both directions, stay together.
func (l *layers) together(v int) int {
	if len(l.in[v]) < 2 || len(l.out[v]) > 0 {
		return v
	}
	from := l.links[l.in[v][0]].from
	for _, k := range l.in[v] {
		if l.links[k].from != from {
			return v
		}
	}
	return from + len(l.at)
}

func (l *layers) topological() []int {
	waiting := make([]int, len(l.at))
	var order []int
	for v := range l.at {
		if waiting[v] = len(l.in[v]); waiting[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, k := range l.out[order[i]] {
			to := l.links[k].to
			if waiting[to]--; waiting[to] == 0 {
				order = append(order, to)
			}
		}
	}
	return order
}

// lengthen adds a bend in every column that an edge passes. One of the bends has the size of the
// label of the edge.
func (l *layers) lengthen() {
	l.way = make([][]int, len(l.part.edges))
	long := l.links
	l.links = nil
	for _, k := range long {
		way := []int{k.from}
		from, to := l.at[k.from].rank, l.at[k.to].rank
		label := l.edges[l.part.edges[k.edge]].Label
		for r := from + 1; r < to; r++ {
			bend := vertex{rank: r, bend: true}
			if r == to-1 { // beside the node on the right, of which each edge mostly has its own
				bend.size = label
			}
			l.at = append(l.at, bend)
			way = append(way, len(l.at)-1)
		}
		way = append(way, k.to)
		for i := 1; i < len(way); i++ {
			l.links = append(l.links, link{from: way[i-1], to: way[i], edge: k.edge})
		}
		l.way[k.edge] = way
	}
	l.index()
}
