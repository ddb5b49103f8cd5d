package layout

import (
	"cmp"
	"slices"
)

// end is where an edge touches the left or the right border of a node.
type end struct {
	edge   int // in part.edges
	leaves bool
	y      float64 // where the edge leads to
}

// ends returns the ends at one border of a node from top to bottom. right selects the right border.
func (l *layers) ends(v int, right bool) []end {
	links := l.in[v]
	if right {
		links = l.out[v]
	}
	list := make([]end, 0, len(links))
	for _, i := range links {
		k := l.links[i]
		other := k.from
		if right {
			other = k.to
		}
		list = append(list, end{k.edge, l.edges[l.part.edges[k.edge]].From == l.part.nodes[v], l.at[other].y})
	}
	slices.SortStableFunc(list, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	return list
}

// untwist swaps two neighbouring edges that lead to a node and back from it, if more ends of one
// direction become neighbours by that. Such ends share a port.
func (l *layers) untwist() {
	for v := range l.part.nodes {
		list := l.ends(v, true)
		last := true
		for i := range list {
			if i+1 < len(list) && list[i].leaves != last && l.isPair(list[i].edge, list[i+1].edge) {
				a, b := &l.at[l.way[list[i].edge][1]], &l.at[l.way[list[i+1].edge][1]]
				a.y, b.y = b.y, a.y
				list[i], list[i+1] = list[i+1], list[i]
			}
			last = list[i].leaves
		}
	}
}

// isPair reports whether two short edges without labels join the same nodes in opposite directions.
func (l *layers) isPair(a, b int) bool {
	e, o := l.edges[l.part.edges[a]], l.edges[l.part.edges[b]]
	const short = 3 // two nodes and one bend
	return e.From == o.To && e.To == o.From && len(l.way[a]) == short && len(l.way[b]) == short &&
		e.Label == Size{} && o.Label == Size{}
}

// mostPorts is the maximum number of ports on one border of a node.
const mostPorts = 6

// ports returns the offsets of the ends at one border from the centre of the node, by edge. Edges
// that leave and edges that arrive have different ports, so that an arrowhead belongs to one line
// only. From top to bottom, each run of ends of one direction has a port. If there are too many
// runs, all edges that leave have one port and all that arrive another.
func (l *layers) ports(v int, right bool) map[int]float64 {
	list := l.ends(v, right)
	port := make([]int, len(list))
	last := 0
	for i := range list {
		if i > 0 && list[i].leaves != list[i-1].leaves {
			last++
		}
		port[i] = last
	}
	if last >= mostPorts {
		first := meanBelow(list)
		for i := range list {
			port[i] = 0
			if list[i].leaves != first {
				port[i] = 1
			}
		}
		last = 1
	}
	const border = 6 // between the outermost ports and the corners
	height := l.at[v].size.Height
	gap := min(height*2/5, (height-2*border)/float64(max(1, last)))
	offsets := make(map[int]float64, len(list))
	for i, e := range list {
		offsets[e.edge] = (float64(port[i]) - float64(last)/2) * gap
	}
	return offsets
}

// meanBelow reports whether the ends that arrive lead, in the mean, farther down than those that
// leave.
func meanBelow(list []end) bool {
	var sum, count [2]float64
	for _, e := range list {
		k := 0
		if e.leaves {
			k = 1
		}
		sum[k], count[k] = sum[k]+e.y, count[k]+1
	}
	return sum[1]*count[0] <= sum[0]*count[1]
}
