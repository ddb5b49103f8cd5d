package graph

import (
	"fmt"
	"io"
	"slices"
	"strings"

	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

// legendItem explains one kind of line. class are the CSS classes of the line, of which the first
// is that of its arrowhead.
type legendItem struct{ class, text string }

// legendItems returns what the picture has.
func (s *scene) legendItems() []legendItem {
	used := map[string]bool{}
	for _, e := range s.g.Edges {
		class := classOfEdge(s.g, e)
		if strings.Contains(class, " problem") {
			class = "binding problem"
		}
		used[strings.TrimSuffix(class, " mild")] = true
	}
	used["binding problem"] = used["binding problem"] || slices.ContainsFunc(s.g.Nodes, func(n model.Node) bool {
		return strings.Contains(classOf(n), " problem")
	})
	return slices.DeleteFunc([]legendItem{{"publish", "event"}, {"binding", "binding"},
		{"alternate", "alternate exchange"}, {"dead", "dead letters"}, {"retry fail", "failed, to wait"},
		{"retry", "back after the wait"}, {"binding problem", "problem, or lost"},
	}, func(l legendItem) bool { return !used[l.class] })
}

// worthALook explains the mark of a mild problem.
const worthALook = "worth a look"

func (s *scene) isMild() bool {
	return slices.ContainsFunc(s.g.Nodes, func(n model.Node) bool { return strings.Contains(classOf(n), " mild") }) ||
		slices.ContainsFunc(s.g.Edges, func(e model.Edge) bool { return strings.Contains(classOfEdge(s.g, e), " mild") })
}

// The widths of the parts of the legend, in pixels.
const (
	legendLine = 34.0
	legendText = legendLine + 8
	legendGap  = 24.0
	legendMark = 22.0
)

func (l legendItem) width() float64 { return legendText + textWidth(l.text, smallWidth) }

func (s *scene) legendWidth() float64 {
	width := 0.0
	for _, l := range s.legendItems() {
		width += l.width() + legendGap
	}
	if s.isMild() {
		return width + legendMark + textWidth(worthALook, smallWidth)
	}
	return max(0, width-legendGap)
}

// legend explains the lines and marks that the picture has.
func (s *scene) legend(out io.Writer) {
	x, y := margin, s.size.Height-margin/2-8
	fmt.Fprintf(out, `<g class="legend">`)
	for _, l := range s.legendItems() {
		arrow, _, _ := strings.Cut(l.class, " ")
		if strings.HasSuffix(l.class, "problem") {
			arrow = "problem"
		}
		fmt.Fprintf(out, `<g class="edge %s"><path d="M%s %sh%s" marker-end="url(#arrow-%s)"/></g>`+
			`<text x="%s" y="%s">%s</text>`,
			l.class, px(x), px(y), px(legendLine), arrow, px(x+legendText), px(y+3.5), l.text)
		x += l.width() + legendGap
	}
	if s.isMild() {
		fmt.Fprintf(out, `<g class="mild"><circle class="badge" cx="%s" cy="%s" r="8"/>`+
			`<text class="mark" x="%s" y="%s">!</text></g>`+
			`<text x="%s" y="%s">%s</text>`, px(x+8), px(y), px(x+8), px(y+4), px(x+legendMark), px(y+3.5), worthALook)
	}
	fmt.Fprint(out, "</g>\n")
}
