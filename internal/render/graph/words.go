package graph

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

// longestName and longestLabel are the maximum numbers of characters to draw of a name and of a
// routing key. longestList is the maximum number of keys to draw for one edge.
const (
	longestName  = 40
	longestLabel = 28
	longestList  = 3
)

// nameOf returns the name of a node in a picture.
func nameOf(n model.Node) string {
	if n.Ref.Name == "" {
		return "(default exchange)"
	}
	return terminal.Neutralise(n.Ref.Name)
}

// describe describes the kind of a node and its contents: "quorum queue · 1,234 messages".
func describe(n model.Node) string {
	var text string
	switch {
	case n.IsFolded():
		text = folded(n)
	case n.Role == model.Event:
		return "event"
	case n.Role == model.Missing:
		return fmt.Sprintf("%s, not declared", n.Ref.Kind)
	case n.Ref.Kind == topology.KindExchange:
		text = terminal.Neutralise(n.Type) + " exchange"
	default:
		text = terminal.Neutralise(n.Type) + " queue"
	}
	if n.Role == model.Wait {
		text += " · back after " + valuesOf(n, model.WaitFact)
	}
	if after := valuesOf(n, model.RetryFact); after != "" {
		text += " · retries after " + after
	}
	if n.Status.Known {
		text += " · " + terminal.FormatPlural(n.Status.Messages, "message", "messages")
	}
	return text
}

// folded describes the objects that a folded node stands for: "12 quorum queues".
func folded(n model.Node) string {
	noun := string(n.Ref.Kind)
	if n.Role == model.Event {
		noun = "event"
	} else if n.Type != "" {
		noun = terminal.Neutralise(n.Type) + " " + noun
	}
	text := terminal.FormatPlural(int64(len(n.Members)), noun, noun+"s")
	if n.Role == model.DeadLetters {
		text += " of dead letters"
	}
	return text
}

// valuesOf returns the values of a fact: how long messages wait, for example. For a folded node it
// names a limited number of them.
func valuesOf(n model.Node, fact string) string {
	var list []string
	for _, f := range n.Facts {
		if f.Name == fact {
			list = append(list, f.Value)
		}
	}
	if len(list) > longestList {
		list = append(list[:longestList-1], "…")
	}
	return strings.Join(list, ", ")
}

// about returns all information about a node, one item per line.
func about(n model.Node) []string {
	lines := []string{nameOf(n), describe(n)}
	if n.Ref.VHost != "" {
		lines = append(lines, "vhost "+terminal.Neutralise(n.Ref.VHost))
	}
	for _, f := range n.Facts {
		lines = append(lines, f.Name+": "+terminal.Neutralise(f.Value))
	}
	if n.Status.Known {
		lines = append(lines, terminal.FormatPlural(n.Status.Consumers, "consumer", "consumers"))
	}
	for _, m := range n.Members {
		lines = append(lines, terminal.Neutralise(m))
	}
	for _, p := range n.Problems {
		lines = append(lines, "! "+terminal.Neutralise(p.Text))
	}
	return lines
}

// labelOf returns the label of an edge: its keys, limited in number and length.
func labelOf(e model.Edge) string {
	var parts []string
	for i, l := range e.Labels {
		if i == longestList && len(e.Labels) > longestList+1 {
			parts = append(parts, fmt.Sprintf("+%d", len(e.Labels)-i))
			break
		}
		parts = append(parts, shorten(terminal.Neutralise(l), longestLabel))
	}
	return strings.Join(parts, ", ")
}

// aboutEdge returns all information about an edge, one item per line.
func aboutEdge(g *model.Graph, e model.Edge) []string {
	what := map[model.EdgeKind]string{
		model.Binding: "is bound to", model.DeadLetter: "sends its dead letters to",
		model.Alternate: "hands what no binding takes to", model.Publish: "is published to",
		model.Retry: "has a consumer that publishes failed messages to",
	}[e.Kind]
	if e.Back {
		what = "returns its messages, after their wait, to"
	}
	lines := []string{nameOf(g.Nodes[e.From]) + " " + what + " " + nameOf(g.Nodes[e.To])}
	for _, l := range e.Labels {
		lines = append(lines, "key "+terminal.Neutralise(l))
	}
	for _, p := range e.Problems {
		lines = append(lines, "! "+terminal.Neutralise(p.Text))
	}
	if e.Lost {
		lines = append(lines, "! dead letters that go this way reach no queue, or some do not")
	}
	return lines
}

// shorten shortens a long text in the middle: it keeps the first and the last characters.
func shorten(s string, longest int) string {
	r := []rune(s)
	if len(r) <= longest {
		return s
	}
	tail := longest / 3
	return string(r[:longest-tail-1]) + "…" + string(r[len(r)-tail:])
}

// classOf returns the CSS classes of a node.
func classOf(n model.Node) string {
	kind := "queue"
	if n.Ref.Kind == topology.KindExchange {
		kind = "exchange"
	}
	switch n.Role {
	case model.Event:
		kind = "event"
	case model.DeadLetters:
		kind += " dead"
	case model.Wait:
		kind += " wait"
	case model.Missing:
		return kind + " problem missing"
	}
	return kind + howBad(n.Problems)
}

func howBad(list []model.Problem) string {
	bad := ""
	for _, p := range list {
		if !p.Mild {
			return " problem"
		}
		bad = " mild"
	}
	return bad
}

// classOfEdge returns the CSS classes of an edge.
func classOfEdge(g *model.Graph, e model.Edge) string {
	kind := map[model.EdgeKind]string{model.Binding: "binding", model.DeadLetter: "dead", model.Alternate: "alternate",
		model.Publish: "publish", model.Retry: "retry fail"}[e.Kind]
	switch {
	case e.Back:
		kind = "retry"
	case e.DeadLetters:
		kind = "dead"
	}
	if bad := howBad(e.Problems); bad != "" {
		return kind + bad
	}
	if e.Lost || g.Nodes[e.To].Role == model.Missing || g.Nodes[e.From].Role == model.Missing {
		kind += " problem"
	}
	return kind
}

// vhostsOf returns the vhosts in the order of the nodes, and the indices of the nodes of each.
func vhostsOf(g *model.Graph) ([]string, map[string][]int) {
	var names []string
	nodes := map[string][]int{}
	for i, n := range g.Nodes {
		if nodes[n.Ref.VHost] == nil {
			names = append(names, n.Ref.VHost)
		}
		nodes[n.Ref.VHost] = append(nodes[n.Ref.VHost], i)
	}
	return names, nodes
}
