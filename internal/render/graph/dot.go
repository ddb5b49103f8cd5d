package graph

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

// DOT writes a digraph for Graphviz: `msgctl graph -o dot | dot -Tpdf`.
func DOT(w io.Writer, g *model.Graph) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "digraph %s {\n", dotText(titleOf(g)))
	fmt.Fprintln(out, `  rankdir=LR; nodesep=0.2; ranksep=0.7; fontname="Helvetica";`)
	fmt.Fprintln(out, `  node [fontname="Helvetica", fontsize=11, shape=box, style="filled", fillcolor="#ffffff", color="#5b6573"];`)
	fmt.Fprintln(out, `  edge [fontname="Helvetica", fontsize=9, color="#5b6573"];`)
	names, nodes := vhostsOf(g)
	for v, name := range names {
		if len(names) > 1 {
			fmt.Fprintf(out, "  subgraph cluster_%d {\n    label=%s;\n", v, dotText("vhost "+terminal.Neutralise(name)))
		}
		for _, i := range nodes[name] {
			fmt.Fprintf(out, "  n%d [label=%s, tooltip=%s%s];\n", i,
				dotText(shorten(nameOf(g.Nodes[i]), longestName), describe(g.Nodes[i])),
				dotText(about(g.Nodes[i])...), dotNode(strings.Fields(classOf(g.Nodes[i]))))
		}
		if len(names) > 1 {
			fmt.Fprintln(out, "  }")
		}
	}
	for _, e := range g.Edges {
		fmt.Fprintf(out, "  n%d -> n%d [label=%s, tooltip=%s%s];\n", e.From, e.To, dotText(labelOf(e)),
			dotText(aboutEdge(g, e)...),
			dotEdge(strings.Fields(classOfEdge(g, e))))
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

func dotNode(class []string) string {
	text := map[string]string{
		"exchange": `, style="filled,rounded", fillcolor="#e8f0fe", color="#4a6fa5"`,
		"event":    `, shape=cds, fillcolor="#eef7ee", color="#4f8a57"`,
	}[class[0]]
	for _, c := range class[1:] {
		text += map[string]string{
			"dead": `, fillcolor="#f3ecf7", color="#7d5a94"`, "wait": `, fillcolor="#fdf4e1", color="#a97d2a"`,
			"problem": `, fillcolor="#fdecea", color="#c62828", fontcolor="#8c1d18", penwidth=2`,
			"missing": `, style="filled,dashed"`, "mild": `, color="#c77700", penwidth=2`,
		}[c]
	}
	return text
}

func dotEdge(class []string) string {
	text := map[string]string{
		"dead": `, style=dashed, color="#7d5a94"`, "alternate": `, style=dotted, penwidth=1.5, color="#a97d2a"`,
		"publish": `, color="#4f8a57"`, "retry": `, color="#a97d2a"`,
	}[class[0]]
	if slices.Contains(class, "fail") {
		text += `, style=dashed`
	}
	if slices.Contains(class, "problem") {
		text += `, color="#c62828", fontcolor="#8c1d18"`
	}
	return text
}

// dotText quotes lines. A backslash is an escape in DOT, and & begins an entity.
func dotText(lines ...string) string {
	quoted := make([]string, len(lines))
	for i, l := range lines {
		quoted[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "\n", " ").Replace(l)
	}
	return `"` + strings.Join(quoted, `\n`) + `"`
}
