package layout

import (
	"cmp"
	"slices"
)

// sweeps is the number of passes over the columns that reduce crossings.
const sweeps = 16

// order orders the vertices of each column so that few edges cross. It repeatedly sorts each column
// by the mean place of the neighbours in the column before, then in the column after, and keeps the
// best order that it finds.
func (l *layers) order() {
	l.fill()
	best, least := l.places(), l.crossings()
	for i := 0; i < sweeps && least > 0; i++ {
		if i%2 == 0 {
			for c := 1; c < len(l.columns); c++ {
				l.sort(c, l.in, func(k link) int { return k.from })
			}
		} else {
			for c := len(l.columns) - 2; c >= 0; c-- {
				l.sort(c, l.out, func(k link) int { return k.to })
			}
		}
		if n := l.crossings(); n < least {
			best, least = l.places(), n
		}
	}
	for v := range l.at {
		l.at[v].place = best[v]
	}
	for _, column := range l.columns {
		slices.SortFunc(column, func(a, b int) int { return cmp.Compare(l.at[a].place, l.at[b].place) })
	}
}

// fill puts the vertices into their columns, in the order of a walk from the left, so that
// connected vertices start close together.
func (l *layers) fill() {
	last := 0
	for _, v := range l.at {
		last = max(last, v.rank)
	}
	l.columns = make([][]int, last+1)
	seen := make([]bool, len(l.at))
	for start := range l.at {
		stack := []int{start}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[v] {
				continue
			}
			seen[v] = true
			l.at[v].place = len(l.columns[l.at[v].rank])
			l.columns[l.at[v].rank] = append(l.columns[l.at[v].rank], v)
			for i := len(l.out[v]) - 1; i >= 0; i-- {
				stack = append(stack, l.links[l.out[v][i]].to)
			}
		}
	}
}

func (l *layers) places() []int {
	list := make([]int, len(l.at))
	for v := range l.at {
		list[v] = l.at[v].place
	}
	return list
}

// sort sorts one column by the mean place of the neighbours. A vertex without neighbours keeps its
// place.
func (l *layers) sort(c int, links [][]int, other func(link) int) {
	column := l.columns[c]
	weight := make(map[int]float64, len(column))
	for i, v := range column {
		weight[v] = float64(i)
		if n := len(links[v]); n > 0 {
			sum := 0
			for _, k := range links[v] {
				sum += l.at[other(l.links[k])].place
			}
			weight[v] = float64(sum) / float64(n)
		}
	}
	slices.SortStableFunc(column, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
	for i, v := range column {
		l.at[v].place = i
	}
}

// crossings returns the number of pairs of edges that cross. For each column it sorts the edges by
// their places on the left and counts the inversions of their places on the right, in a binary
// indexed tree.
func (l *layers) crossings() int {
	count := 0
	for c := 0; c+1 < len(l.columns); c++ {
		var ends []int
		for _, v := range l.columns[c] {
			at := len(ends)
			for _, k := range l.out[v] {
				ends = append(ends, l.at[l.links[k].to].place)
			}
			slices.Sort(ends[at:])
		}
		tree := make([]int, len(l.columns[c+1])+1)
		for i, place := range ends {
			before := 0
			for j := place + 1; j > 0; j -= j & -j {
				before += tree[j]
			}
			count += i - before
			for j := place + 1; j < len(tree); j += j & -j {
				tree[j]++
			}
		}
	}
	return count
}
