package graph

import (
	"regexp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Fold returns a graph with about limit nodes or fewer. Objects whose names begin with the same
// parts become one node, which lists them in Members. Fold folds as little as necessary: first the
// queues of one worker, then the queues of one service, and finally the queues of all numbered
// services. Queues are folded separately from their dead letters and retry steps as long as
// possible. Objects with serious problems are not folded if there are few of them. Fold returns g
// itself if it is small enough.
func (g *Graph) Fold(limit int) *Graph {
	if len(g.Nodes) <= limit {
		return g
	}
	best := g
	for _, by := range foldings() {
		f := folder{g: g, by: by, limit: limit}
		if folded := f.fold(); len(folded.Nodes) < len(best.Nodes) {
			best = folded
		}
		if len(best.Nodes) <= limit {
			break
		}
	}
	return best
}

// folding says which objects form a group.
type folding struct {
	parts     int  // how many parts of the name count
	anyNumber bool // numbers in names are all the same
	anyRole   bool // dead letters and retry steps are grouped with the queues
	anyName   bool // all of one kind and role are one group
}

// foldings returns all foldings, the finest first.
func foldings() (list []folding) {
	const most = 4
	for parts := most; parts >= 1; parts-- {
		list = append(list, folding{parts: parts})
	}
	for parts := most; parts >= 1; parts-- {
		list = append(list, folding{parts: parts, anyNumber: true})
	}
	return append(list, folding{parts: 1, anyNumber: true, anyRole: true}, folding{parts: 1, anyName: true})
}

type groupID struct {
	vhost, kind, name string
	role              Role
	single            int // one more than the index of a node that stays single
}

type folder struct {
	g     *Graph
	by    folding
	limit int
	node  []int // of each old node, the new one
}

func (f *folder) fold() *Graph {
	serious := 0
	for _, n := range f.g.Nodes {
		if isSerious(n) {
			serious++
		}
	}
	few := serious <= f.limit/4
	var members [][]int // of each new node
	at := map[groupID]int{}
	f.node = make([]int, len(f.g.Nodes))
	for i, n := range f.g.Nodes {
		id := f.group(n)
		if few && isSerious(n) {
			id = groupID{single: i + 1}
		}
		k, ok := at[id]
		if !ok {
			k = len(members)
			at[id] = k
			members = append(members, nil)
		}
		members[k] = append(members[k], i)
		f.node[i] = k
	}
	out := &Graph{Name: f.g.Name}
	for _, list := range members {
		out.Nodes = append(out.Nodes, f.join(list))
	}
	f.edges(out)
	return out
}

func isSerious(n Node) bool {
	return n.Role == Missing || slices.ContainsFunc(n.Problems, func(p Problem) bool { return !p.Mild })
}

func (f *folder) group(n Node) groupID {
	id := groupID{vhost: n.Ref.VHost, kind: string(n.Ref.Kind), role: n.Role}
	if f.by.anyRole && (n.Role == DeadLetters || n.Role == Wait) {
		id.role = Plain
	}
	if !f.by.anyName {
		id.name, _ = f.beginning(n.Ref.Name)
		if f.by.anyNumber {
			id.name = strings.ReplaceAll(id.name, "*", "") // billing is one of billing2, billing3
		}
	}
	return id
}

var (
	separator = regexp.MustCompile(`[.\-_:/ ]+`)
	number    = regexp.MustCompile(`\d+`)
)

// beginning returns the part of a name that determines the group. more reports whether the name is
// longer.
func (f *folder) beginning(name string) (begin string, more bool) {
	begin = name
	if ends := separator.FindAllStringIndex(name, f.by.parts); len(ends) == f.by.parts {
		begin, more = name[:ends[f.by.parts-1][0]], true
	}
	if f.by.anyNumber {
		begin = number.ReplaceAllString(begin, "*")
	}
	return begin, more
}

// join returns one node for several nodes.
func (f *folder) join(list []int) Node {
	first := f.g.Nodes[list[0]]
	if len(list) == 1 {
		return first
	}
	out := Node{Ref: first.Ref, Role: first.Role, Type: first.Type}
	out.Status.Known = true
	name, more := "", false
	for _, i := range list {
		n := f.g.Nodes[i]
		out.Members = append(out.Members, n.Ref.Name)
		if n.Type != out.Type {
			out.Type = ""
		}
		if n.Role != out.Role {
			out.Role = Plain
		}
		out.Problems = append(out.Problems, n.Problems...)
		out.Status.Known = out.Status.Known && n.Status.Known
		out.Status.Messages += n.Status.Messages
		out.Status.Consumers += n.Status.Consumers
		out.addTimes(n.Facts)
		begin, longer := f.beginning(n.Ref.Name)
		if len(begin) > len(name) {
			name = begin
		}
		more = more || longer
	}
	if !out.Status.Known { // the count of some members is not the count of the group
		out.Status = topology.QueueStatus{}
	}
	if f.by.anyName {
		name, more = "", true
	}
	if more && !strings.HasSuffix(name, "*") {
		name += "*"
	}
	out.Ref.Name = name
	return out
}

// addTimes adds the facts that say how long messages wait or after which times they are retried.
func (n *Node) addTimes(list []Fact) {
	for _, x := range list {
		if (x.Name == WaitFact || x.Name == RetryFact) && !slices.Contains(n.Facts, x) {
			n.Facts = append(n.Facts, x)
		}
	}
}

// edges adds the edges between groups. It omits edges between different members of a group, whose
// problems become problems of the group.
func (f *folder) edges(out *Graph) {
	type edgeID struct {
		from, to          int
		kind              EdgeKind
		deadLetters, back bool
	}
	at := map[edgeID]int{}
	for _, e := range f.g.Edges {
		from, to := f.node[e.From], f.node[e.To]
		if from == to && e.From != e.To {
			out.Nodes[from].inherit(e)
			continue
		}
		id := edgeID{from, to, e.Kind, e.DeadLetters, e.Back}
		i, ok := at[id]
		if !ok {
			i = len(out.Edges)
			at[id] = i
			out.Edges = append(out.Edges, Edge{From: from, To: to, Kind: e.Kind, DeadLetters: e.DeadLetters, Back: e.Back})
		}
		x := &out.Edges[i]
		x.Labels = append(x.Labels, e.Labels...)
		x.Problems = append(x.Problems, e.Problems...)
		x.Lost = x.Lost || e.Lost
	}
	for i := range out.Edges {
		e := &out.Edges[i]
		slices.Sort(e.Labels)
		e.Labels = slices.Compact(e.Labels)
	}
}

// inherit takes over the problems of an edge between members.
func (n *Node) inherit(e Edge) {
	list := e.Problems
	if e.Lost {
		list = append(slices.Clone(list), Problem{Text: "dead letters between its members reach no queue, or some do not"})
	}
	for _, p := range list {
		if !slices.Contains(n.Problems, p) {
			n.Problems = append(n.Problems, p)
		}
	}
}

// Objects returns the number of objects that the nodes stand for.
func (g *Graph) Objects() int {
	n := 0
	for _, x := range g.Nodes {
		n += max(1, len(x.Members))
	}
	return n
}

// IsFolded reports whether a node stands for several objects.
func (n *Node) IsFolded() bool { return len(n.Members) > 1 }
