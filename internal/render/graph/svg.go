package graph

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/render/graph/layout"
	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

//go:embed picture.css
var pictureCSS string

// SVG writes a self-contained picture: it needs no script, no font and no network.
func SVG(w io.Writer, g *model.Graph) error {
	out := bufio.NewWriter(w)
	newScene(g).write(out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n")
	return out.Flush()
}

func (s *scene) write(out io.Writer, head string) {
	fmt.Fprintf(out, `%s<svg xmlns="http://www.w3.org/2000/svg" id="picture" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-label="%s">`+"\n",
		head, px(s.size.Width), px(s.size.Height), px(s.size.Width), px(s.size.Height), text(titleOf(s.g)))
	fmt.Fprintf(out, "<style>\n%s</style>\n<defs>", pictureCSS)
	for _, m := range []string{"binding", "dead", "retry", "alternate", "publish", "problem"} {
		fmt.Fprintf(out, `<marker id="arrow-%s" class="arrow %s" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 .6 8 4 0 7.4z"/></marker>`, m, m)
	}
	fmt.Fprintf(out, "</defs>\n"+`<rect class="paper" width="100%%" height="100%%"/>`+"\n"+`<g id="world">`+"\n")
	fmt.Fprintf(out, `<text class="title" x="%s" y="%s">%s</text>`+"\n", px(margin), px(margin+12), text(titleOf(s.g)))
	for _, h := range s.vhosts {
		fmt.Fprintf(out, `<text class="vhost" x="%s" y="%s">%s</text>`+"\n", px(h.at.X), px(h.at.Y), text(h.text))
	}
	for i := range s.edges {
		s.edge(out, i)
	}
	for i := range s.edges { // above all lines
		s.label(out, i)
	}
	for i := range s.nodes {
		s.node(out, i)
	}
	for _, p := range s.proxies {
		s.proxy(out, p)
	}
	s.legend(out)
	fmt.Fprint(out, "</g>\n</svg>\n")
}

func (s *scene) edge(out io.Writer, i int) {
	class := classOfEdge(s.g, s.g.Edges[i])
	arrow, _, _ := strings.Cut(class, " ")
	if strings.Contains(class, "problem") {
		arrow = "problem"
	}
	s.openEdge(out, i)
	fmt.Fprintf(out, `<path d="%s" marker-end="url(#arrow-%s)"/></g>`+"\n",
		curve(s.edges[i].route.Points, s.g.Edges[i].From == s.g.Edges[i].To), arrow)
}

// openEdge begins the group of a line or of its label.
func (s *scene) openEdge(out io.Writer, i int) {
	e := s.g.Edges[i]
	fmt.Fprintf(out, `<g class="edge %s" data-from="%d" data-to="%d"><title>%s</title>`,
		classOfEdge(s.g, e), e.From, e.To, text(strings.Join(aboutEdge(s.g, e), "\n")))
}

func (s *scene) label(out io.Writer, i int) {
	l := s.edges[i]
	if l.label == "" {
		return
	}
	at := l.route.Label
	s.openEdge(out, i)
	fmt.Fprintf(out, `<rect class="halo" x="%s" y="%s" width="%s" height="%s" rx="3"/>`,
		px(at.X-l.box.Width/2), px(at.Y-l.box.Height/2), px(l.box.Width), px(l.box.Height))
	fmt.Fprintf(out, `<text x="%s" y="%s">%s</text></g>`+"\n", px(at.X), px(at.Y+3.5), text(l.label))
}

// curve joins the points by curves that leave and arrive horizontally. A loop is one curve.
func curve(points []layout.Point, loop bool) string {
	if len(points) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", px(points[0].X), px(points[0].Y))
	if loop {
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", px(points[1].X+8), px(points[0].Y+8), px(points[1].X+8), px(points[2].Y-8),
			px(points[2].X), px(points[2].Y))
		return b.String()
	}
	for i := 1; i < len(points); i++ {
		a, c := points[i-1], points[i]
		switch bend := (c.X - a.X) / 2; {
		case a == c:
		case a.Y == c.Y:
			fmt.Fprintf(&b, "H%s", px(c.X))
		default:
			fmt.Fprintf(&b, "C%s %s %s %s %s %s", px(a.X+bend), px(a.Y), px(c.X-bend), px(c.Y), px(c.X), px(c.Y))
		}
	}
	return b.String()
}

func (s *scene) node(out io.Writer, i int) {
	n, b := s.g.Nodes[i], s.nodes[i]
	x, y, radius := b.at.X-b.size.Width/2, b.at.Y-b.size.Height/2, "3"
	if strings.HasPrefix(classOf(n), "exchange") {
		radius = "20"
	}
	fmt.Fprintf(out, `<g class="node %s" data-node="%d" tabindex="0"><title>%s</title><rect x="%s" y="%s" width="%s" height="%s" rx="%s"/>`,
		classOf(n), i, text(strings.Join(about(n), "\n")), px(x), px(y), px(b.size.Width), px(b.size.Height), radius)
	fmt.Fprintf(out, `<text class="name" x="%s" y="%s">%s</text><text class="kind" x="%s" y="%s">%s</text>`,
		px(b.at.X), px(b.at.Y-3), text(shorten(nameOf(n), longestName)), px(b.at.X), px(b.at.Y+12), text(describe(n)))
	if howBad(n.Problems) != "" {
		fmt.Fprintf(out, `<circle class="badge" cx="%s" cy="%s" r="8"/><text class="mark" x="%s" y="%s">!</text>`,
			px(x+b.size.Width-3), px(y+3), px(x+b.size.Width-3), px(y+7))
	}
	fmt.Fprint(out, "</g>\n")
}

// proxy draws a small copy of a node.
func (s *scene) proxy(out io.Writer, p proxy) {
	n, b := s.g.Nodes[p.node], p.box
	fmt.Fprintf(out, `<g class="node proxy %s" data-node="%d" data-proxy=""><title>%s</title><rect x="%s" y="%s" width="%s" height="%s" rx="10"/><text class="kind" x="%s" y="%s">%s</text></g>`+"\n",
		classOf(n), p.node, text(strings.Join(about(n),
			"\n")), px(b.at.X-b.size.Width/2), px(b.at.Y-b.size.Height/2), px(b.size.Width), px(b.size.Height),
		px(b.at.X), px(b.at.Y+3.5), text(proxyName(n)))
}

// px formats a coordinate to a tenth of a pixel.
func px(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

func text(s string) string { return html.EscapeString(s) }
