package graph

import (
	"cmp"

	"github.com/mattn/go-runewidth"

	"github.com/msgctl/msgctl/internal/render/graph/layout"
	"github.com/msgctl/msgctl/internal/terminal"
	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

// The dimensions of the picture, in pixels. Text is monospaced, so that its width is known without
// the font.
const (
	nameWidth   = 7.3 // of a character of 12 px
	smallWidth  = 6.1 // of one of 10 px
	nodeHeight  = 40.0
	nodePadding = 14.0
	labelHeight = 14.0
	margin      = 24.0
	headHeight  = 34.0
	legendSpace = 34.0
)

// scene is a graph with the position of every element.
type scene struct {
	g     *model.Graph
	size  layout.Size
	nodes []box
	edges []line
	// proxies are copies of hubs, placed near the nodes that lead to them (see separate).
	proxies []proxy
	vhosts  []heading
}

type box struct {
	at   layout.Point // the middle
	size layout.Size
}

type line struct {
	route layout.Route
	label string
	box   layout.Size
}

type heading struct {
	text string
	at   layout.Point
}

func titleOf(g *model.Graph) string { return cmp.Or(terminal.Neutralise(g.Name), "topology") }

// proxy is a small copy of a node.
type proxy struct {
	node int
	box  box
}

// newScene lays out one vhost below the other.
func newScene(g *model.Graph) *scene {
	s := &scene{g: g, nodes: make([]box, len(g.Nodes)), edges: make([]line, len(g.Edges))}
	for i, n := range g.Nodes {
		width := max(textWidth(shorten(nameOf(n), longestName), nameWidth), textWidth(describe(n), smallWidth))
		s.nodes[i].size = layout.Size{Width: width + 2*nodePadding, Height: nodeHeight}
	}
	for i, e := range g.Edges {
		if s.edges[i].label = labelOf(e); s.edges[i].label != "" {
			s.edges[i].box = layout.Size{Width: textWidth(s.edges[i].label, smallWidth) + 8, Height: labelHeight}
		}
	}
	names, nodes := vhostsOf(g)
	y := margin + headHeight
	for _, name := range names {
		if len(names) > 1 {
			s.vhosts = append(s.vhosts, heading{"vhost " + terminal.Neutralise(name), layout.Point{X: margin, Y: y + 8}})
			y += headHeight
		}
		y += s.place(nodes[name], y) + margin
	}
	s.size.Width = max(s.size.Width, s.legendWidth()) + 2*margin
	s.size.Height = y + legendSpace
	return s
}

// place lays out one vhost at y and returns its height.
func (s *scene) place(nodes []int, y float64) float64 {
	local := map[int]int{}
	sizes := make([]layout.Size, 0, len(nodes))
	for i, n := range nodes {
		local[n], sizes = i, append(sizes, s.nodes[n].size)
	}
	var edges []layout.Edge
	var which []int
	for i, e := range s.g.Edges {
		from, here := local[e.From]
		if !here {
			continue
		}
		edges = append(edges, layout.Edge{From: from, To: local[e.To], Label: s.edges[i].box, Back: e.Back})
		which = append(which, i)
	}
	first := len(s.proxies)
	for _, p := range separate(len(nodes), edges) {
		s.proxies = append(s.proxies, proxy{node: nodes[p], box: box{size: s.proxySize(nodes[p])}})
		sizes = append(sizes, s.proxies[len(s.proxies)-1].box.size)
	}
	placed := layout.Place(sizes, edges)
	by := layout.Point{X: margin, Y: y}
	for i, n := range nodes {
		s.nodes[n].at = placed.Nodes[i].Plus(by)
	}
	for i := first; i < len(s.proxies); i++ {
		s.proxies[i].box.at = placed.Nodes[len(nodes)+i-first].Plus(by)
	}
	for i, e := range which {
		r := placed.Edges[i]
		for k := range r.Points {
			r.Points[k] = r.Points[k].Plus(by)
		}
		r.Label = r.Label.Plus(by)
		s.edges[e].route = r
	}
	s.size.Width = max(s.size.Width, placed.Size.Width)
	return placed.Size.Height
}

func (s *scene) proxySize(node int) layout.Size {
	return layout.Size{Width: textWidth(proxyName(s.g.Nodes[node]), smallWidth) + nodePadding, Height: 20}
}

func proxyName(n model.Node) string { return "→ " + shorten(nameOf(n), longestLabel) }

func textWidth(s string, character float64) float64 {
	return float64(runewidth.StringWidth(s)) * character
}
