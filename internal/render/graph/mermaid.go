package graph

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

// The default limits of Mermaid. For a larger graph, a page shows an error instead.
const (
	MermaidEdges = 500
	MermaidText  = 50000
)

// Mermaid writes a Mermaid flowchart, which GitHub, GitLab and most wikis draw.
func Mermaid(w io.Writer, g *model.Graph) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "flowchart LR")
	names, nodes := vhostsOf(g)
	for v, name := range names {
		indent := "  "
		if len(names) > 1 {
			fmt.Fprintf(out, "  subgraph v%d[\"vhost %s\"]\n", v, mermaidText(name))
			indent = "    "
		}
		for _, i := range nodes[name] {
			fmt.Fprintln(out, indent+mermaidNode(g, i))
		}
		if len(names) > 1 {
			fmt.Fprintln(out, "  end")
		}
	}
	red := mermaidEdges(out, g)
	for _, line := range []string{
		"classDef exchange fill:#e8f0fe,stroke:#4a6fa5,color:#1c2733",
		"classDef queue fill:#ffffff,stroke:#5b6573,color:#1c2733",
		"classDef event fill:#eef7ee,stroke:#4f8a57,color:#1c2733", "classDef dead fill:#f3ecf7,stroke:#7d5a94,color:#1c2733",
		"classDef wait fill:#fdf4e1,stroke:#a97d2a,color:#1c2733",
		"classDef problem fill:#fdecea,stroke:#c62828,color:#8c1d18,stroke-width:2px",
		"classDef mild fill:#ffffff,stroke:#c77700,color:#1c2733,stroke-width:2px",
	} {
		fmt.Fprintln(out, "  "+line)
	}
	if len(red) > 0 {
		fmt.Fprintf(out, "  linkStyle %s stroke:#c62828\n", strings.Join(red, ","))
	}
	return out.Flush()
}

func mermaidNode(g *model.Graph, i int) string {
	n := g.Nodes[i]
	lines := mermaidText(shorten(nameOf(n), longestName)) + "<br/><small>" + mermaidText(describe(n)) + "</small>"
	left, right := "[", "]"
	class := strings.Fields(classOf(n))
	switch class[0] {
	case "exchange":
		left, right = "([", "])"
	case "event":
		left, right = ">", "]"
	}
	text := fmt.Sprintf(`n%d%s"%s"%s`, i, left, lines, right)
	// Mermaid accepts one class after :::, so use the most important one.
	for _, c := range []string{"problem", "mild"} {
		if slices.Contains(class, c) {
			return text + ":::" + c
		}
	}
	return text + ":::" + class[len(class)-1]
}

// mermaidEdges returns the numbers of the edges with problems.
func mermaidEdges(out io.Writer, g *model.Graph) []string {
	var red []string
	for i, e := range g.Edges {
		class := strings.Fields(classOfEdge(g, e))
		arrow := "-->"
		switch {
		case class[0] == "dead", slices.Contains(class, "fail"):
			arrow = "-.->"
		case class[0] == "alternate":
			arrow = "==>"
		}
		label := ""
		if text := labelOf(e); text != "" {
			label = `|"` + mermaidText(text) + `"|`
		}
		fmt.Fprintf(out, "  n%d %s%s n%d\n", e.From, arrow, label, e.To)
		if slices.Contains(class, "problem") {
			red = append(red, fmt.Sprint(i))
		}
	}
	return red
}

// mermaidText writes all characters except letters, digits and a few harmless ones as character
// codes, which Mermaid accepts everywhere. A quote would end the text, brackets and backticks have
// special meanings, and # begins a code.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .-_/,:·…()", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
