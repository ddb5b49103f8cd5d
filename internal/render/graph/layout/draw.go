package layout

// settles is the number of passes over the columns that move vertices towards their neighbours.
const settles = 24

// draw computes the coordinates of every node and the route of every edge. It returns the size of
// the part.
func (l *layers) draw(out *Placed) Size {
	l.settle()
	l.untwist()
	left, height := l.top(), 0.0
	x := make([]float64, len(l.columns))
	l.widths = make([]float64, len(l.columns))
	width := 0.0
	for c, column := range l.columns {
		widest := 0.0
		for _, v := range column {
			widest = max(widest, l.at[v].size.Width)
			l.at[v].y -= left
			height = max(height, l.at[v].y+l.at[v].size.Height/2)
		}
		if c > 0 {
			width += columnGap
		}
		x[c], l.widths[c] = width+widest/2, widest
		width += widest
	}
	for i, n := range l.part.nodes {
		out.Nodes[n] = Point{x[l.at[i].rank], l.at[i].y}
	}
	for i, e := range l.part.edges {
		out.Edges[e] = l.route(i, x, out)
	}
	return Size{width + l.loops(), height}
}

func (l *layers) top() float64 {
	top := 0.0
	for i, v := range l.at {
		if y := v.y - v.size.Height/2; i == 0 || y < top {
			top = y
		}
	}
	return top
}

// settle moves vertices as close to the mean position of their neighbours as the other vertices of
// their column allow.
func (l *layers) settle() {
	for _, column := range l.columns {
		y := 0.0
		for i, v := range column {
			if i > 0 {
				y += l.distance(column[i-1], v)
			}
			l.at[v].y = y
		}
	}
	for i := range settles {
		if i%2 == 0 {
			for c := 1; c < len(l.columns); c++ {
				l.align(c, i)
			}
		} else {
			for c := len(l.columns) - 2; c >= 0; c-- {
				l.align(c, i)
			}
		}
	}
}

// distance returns the minimum distance between the centres of two neighbours in a column.
func (l *layers) distance(a, b int) float64 {
	gap := rowGap
	if l.at[a].bend || l.at[b].bend {
		gap = lineGap
	}
	return (l.at[a].size.Height+l.at[b].size.Height)/2 + gap
}

// align places the vertices of a column as close to their wishes as possible, by least squares, and
// at least distance apart. Vertices that would come too close are merged into a block and moved
// together (pool adjacent violators algorithm).
func (l *layers) align(c, round int) {
	type block struct {
		want, weight float64
		first, count int
	}
	column := l.columns[c]
	var blocks []block
	offset := make([]float64, len(column)) // of each vertex from the first, when all stand as close as they may
	for i, v := range column {
		if i > 0 {
			offset[i] = offset[i-1] + l.distance(column[i-1], v)
		}
		want, weight := l.wish(v, round)
		b := block{want: want - offset[i], weight: weight, first: i, count: 1}
		for len(blocks) > 0 && blocks[len(blocks)-1].want > b.want {
			a := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			b = block{want: (a.want*a.weight + b.want*b.weight) / (a.weight + b.weight), weight: a.weight + b.weight,
				first: a.first, count: a.count + b.count}
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		for i := b.first; i < b.first+b.count; i++ {
			l.at[column[i]].y = b.want + offset[i]
		}
	}
}

// wish returns the preferred position of a vertex, which is the mean of its neighbours, and its
// weight. Bends of long edges have the greatest weight, to keep edges straight. A round considers
// the neighbours on one side; the last rounds consider both, so that a node is placed between its
// predecessors and its successors.
func (l *layers) wish(v, round int) (y, weight float64) {
	sum := 0.0
	ask := func(links []int, other func(link) int) {
		for _, k := range links {
			o := other(l.links[k])
			w := 1.0
			if l.at[v].bend && l.at[o].bend {
				w = 8
			} else if l.at[v].bend || l.at[o].bend {
				w = 2
			}
			sum, weight = sum+w*l.at[o].y, weight+w
		}
	}
	both := round >= settles-6
	if both || round%2 == 0 {
		ask(l.in[v], func(k link) int { return k.from })
	}
	if both || round%2 == 1 {
		ask(l.out[v], func(k link) int { return k.to })
	}
	if weight == 0 {
		return l.at[v].y, 0.1
	}
	return sum / weight, weight
}

// route returns the route of an edge through its bends, from border to border.
func (l *layers) route(i int, x []float64, out *Placed) Route {
	e := l.edges[l.part.edges[i]]
	way := l.way[i]
	if way == nil {
		return l.loop(i, out)
	}
	var r Route
	for n, v := range way {
		p := Point{x[l.at[v].rank], l.at[v].y}
		if n == 0 || n == len(way)-1 {
			p.Y += l.port(v, i, n == 0)
		}
		half := l.at[v].size.Width / 2
		column := l.widths[l.at[v].rank] / 2 // no curve may pass wider nodes above or below
		switch {
		case n == 0:
			r.Points = append(r.Points, Point{p.X + half, p.Y}, Point{p.X + column, p.Y})
		case n == len(way)-1:
			r.Points = append(r.Points, Point{p.X - column, p.Y}, Point{p.X - half, p.Y})
		default:
			switch isLabel := half > 0; {
			case isLabel:
				r.Label = p
			case l.at[v].rank%2 == 1 && !l.double(e):
				continue // between two columns of nodes, with nothing to pass by: a curve looks better without a bend
			case l.at[v].rank%2 == 0:
				half = column
			}
			r.Points = append(r.Points, Point{p.X - half, p.Y}, Point{p.X + half, p.Y})
		}
	}
	if out.Nodes[e.From].X > out.Nodes[e.To].X {
		for a, b := 0, len(r.Points)-1; a < b; a, b = a+1, b-1 {
			r.Points[a], r.Points[b] = r.Points[b], r.Points[a]
		}
	}
	return r
}

// port returns the offset of the end of an edge from the centre of the border of a node. right
// selects the right border instead of the left one.
func (l *layers) port(v, edge int, right bool) float64 {
	id := side{v, right}
	if l.offsets[id] == nil {
		l.offsets[id] = l.ports(v, right)
	}
	return l.offsets[id][edge]
}

// double reports whether another edge joins the same nodes, so that one of them must bend.
func (l *layers) double(e Edge) bool {
	count := 0
	for _, i := range l.part.edges {
		if o := l.edges[i]; o.From == e.From && o.To == e.To || o.From == e.To && o.To == e.From {
			count++
		}
	}
	return count > 1
}

// loopRoom is the width on the right that a loop (an edge from a node to itself) takes without its
// label.
const loopRoom = 28.0

func (l *layers) loop(i int, out *Placed) Route {
	e := l.edges[l.part.edges[i]]
	at, size := out.Nodes[e.From], l.nodeSize(e.From)
	right, up := at.X+size.Width/2, size.Height/4
	return Route{
		Points: []Point{{right, at.Y + up}, {right + loopRoom, at.Y}, {right, at.Y - up}},
		Label:  Point{right + loopRoom + e.Label.Width/2, at.Y},
	}
}

func (l *layers) nodeSize(node int) Size {
	for i, n := range l.part.nodes {
		if n == node {
			return l.at[i].size
		}
	}
	return Size{}
}

// loops returns the width on the right that the loops need.
func (l *layers) loops() float64 {
	room := 0.0
	for _, e := range l.part.edges {
		if l.edges[e].From == l.edges[e].To {
			room = max(room, loopRoom+l.edges[e].Label.Width)
		}
	}
	return room
}
