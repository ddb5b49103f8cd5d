package layout

import "slices"

// layers is one part while it is placed. Its nodes are those of the part, then bends: places that
// long edges run through, and labels, which need room like a node.
type layers struct {
	part  part
	edges []Edge
	at    []vertex
	links []link
	// out and in have the links of each vertex.
	out, in [][]int
	// columns have the vertices of each rank, from the top.
	columns [][]int
	// way has the vertices that each edge of the part runs through, from the left to the right.
	way [][]int
}

type vertex struct {
	size Size
	rank int
	// place is the index in the column, y the middle.
	place int
	y     float64
	bend  bool
}

// link joins two vertices, the first on the left.
type link struct {
	from, to int
	edge     int // in part.edges
	// turn says that from and to are to change places, so that it leads to the right.
	turn bool
}

func newLayers(p part, nodes []Size, edges []Edge) *layers {
	l := &layers{part: p, edges: edges}
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
	l.index()
	return l
}

func (l *layers) index() {
	l.out, l.in = make([][]int, len(l.at)), make([][]int, len(l.at))
	for i, k := range l.links {
		l.out[k.from], l.in[k.to] = append(l.out[k.from], i), append(l.in[k.to], i)
	}
}

// breakCycles turns edges round until none leads back: those found on the way back of a
// depth-first walk, which starts where nothing leads to and takes edges that are not meant to lead
// back first.
func (l *layers) breakCycles() {
	for v := range l.out {
		slices.SortStableFunc(l.out[v], func(a, b int) int { return l.back(a) - l.back(b) })
	}
	for i := range l.links {
		k := &l.links[i]
		// nothing leads there: it stands better on the right of what it goes back to
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

// turn turns the links round that are to be turned.
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

// isSource reports whether no edge leads to the vertex but those that are meant to lead back.
func (l *layers) isSource(v int) bool {
	return !slices.ContainsFunc(l.in[v], func(k int) bool { return l.back(k) == 0 })
}

// walk goes through all that is reached from a vertex, without recursion: paths can be as long as
// the graph is large.
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

// rank gives each vertex a column: as far left as its edges allow, then, where more edges leave
// than arrive, as far right as they allow, so that edges are short. An edge spans two columns, so
// that its label has one of its own.
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

// tall is how many vertices a column may have before they are spread over several, and wide over
// how many at most.
const (
	tall = 26
	wide = 5
)

// stagger spreads the vertices of columns that would be too high to look at over several columns.
// It returns false when none is.
func (l *layers) stagger(by []int) bool {
	columns := map[int][]int{}
	for v := range l.at {
		columns[l.at[v].rank] = append(columns[l.at[v].rank], v)
	}
	any := false
	for _, column := range columns {
		if parts := min(wide, (len(column)+tall-1)/tall); parts > 1 {
			any = true
			for i, v := range column {
				by[v] = 2 * (i % parts)
			}
		}
	}
	return any
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

// lengthen puts a bend into every column that an edge passes, one of them as large as the edge's
// label.
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
