package graph

import (
	"github.com/msgctl/msgctl/internal/render/graph/layout"
)

const (
	// crowded is how many nodes hang together before the picture is taken apart.
	crowded = 70
	// crossroads is how many edges lead to a node that holds a picture together for no good: an
	// alternate exchange of all, one dead-letter exchange for all teams.
	crossroads = 6
)

// separate takes large pictures apart at nodes that very many edges lead to: each group of nodes
// that would not hang together without those edges gets a small copy of the node to lead to. It
// changes where edges lead, and returns of which node each new one is a copy; their indices begin
// at n.
func separate(n int, edges []layout.Edge) []int {
	hub := hubs(n, edges, groups(n, edges, nil))
	if len(hub) == 0 {
		return nil
	}
	group := groups(n, edges, func(e layout.Edge) bool { return hub[e.To] && e.From != e.To })
	var copies []int
	of := map[[2]int]int{}
	for i := range edges {
		e := &edges[i]
		if !hub[e.To] || group[e.From] == group[e.To] {
			continue
		}
		id := [2]int{group[e.From], e.To}
		if _, ok := of[id]; !ok {
			of[id] = n + len(copies)
			copies = append(copies, e.To)
		}
		e.To = of[id]
	}
	return copies
}

// hubs are the nodes that many edges lead to, in groups that are crowded.
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
		if count >= crossroads && members[group[v]] >= crowded {
			list[v] = true
		}
	}
	return list
}

// groups numbers what hangs together, by the first node of each, leaving some edges out.
func groups(n int, edges []layout.Edge, out func(layout.Edge) bool) []int {
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
		if out != nil && out(e) {
			continue
		}
		a, b := find(e.From), find(e.To)
		root[max(a, b)] = min(a, b)
	}
	for i := range root {
		root[i] = find(i)
	}
	return root
}
