package graph

import (
	"slices"

	"github.com/msgctl/msgctl/internal/render/graph/layout"
)

const (
	// minNodes is the minimum number of nodes of a connected component that is split.
	minNodes = 70
	// minEdges is the minimum number of edges that lead to a hub, such as an alternate exchange for
	// everything or one dead-letter exchange for all teams.
	minEdges = 6
	// mostEdges is the maximum number of edges from one group to a copy of a hub, unless they come
	// from nodes behind one exchange.
	mostEdges = 8
)

// separate splits large connected components at their hubs: each group of nodes that is connected
// to the rest only through a hub gets a small copy of the hub. If the group is large, the nodes
// behind each of its exchanges have a copy of their own. It redirects edges to the copies. It
// returns the node that each copy stands for; the indices of the copies begin at n.
func separate(n int, edges []layout.Edge) []int {
	hub := hubs(n, edges, layout.Components(n, edges))
	if len(hub) == 0 {
		return nil
	}
	// a retry step stays beside its queue
	toHub := func(e layout.Edge) bool { return hub[e.To] && e.From != e.To && !e.Back }
	group := layout.Components(n, slices.DeleteFunc(slices.Clone(edges), toHub))
	count, before := map[[2]int]int{}, map[int]int{}
	for _, e := range edges {
		count[[2]int{group[e.From], e.To}]++
		if _, ok := before[e.To]; !ok && !e.Back {
			before[e.To] = e.From
		}
	}
	var copies []int
	of := map[[3]int]int{}
	for i := range edges {
		e := &edges[i]
		if !toHub(*e) || group[e.From] == group[e.To] {
			continue
		}
		id := [3]int{group[e.From], e.To, -1}
		if first, ok := before[e.From]; ok && count[[2]int{group[e.From], e.To}] > mostEdges {
			id[2] = first
		}
		if _, ok := of[id]; !ok {
			of[id] = n + len(copies)
			copies = append(copies, e.To)
		}
		e.To = of[id]
	}
	return copies
}

// hubs returns the nodes with at least minEdges incoming edges in connected components of at least
// minNodes nodes.
func hubs(n int, edges []layout.Edge, group []int) map[int]bool {
	in := map[int]int{}
	for _, e := range edges {
		in[e.To]++
	}
	members := make([]int, n)
	for _, g := range group {
		members[g]++
	}
	list := map[int]bool{}
	for v, count := range in {
		if count >= minEdges && members[group[v]] >= minNodes {
			list[v] = true
		}
	}
	return list
}
