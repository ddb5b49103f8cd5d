package source

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Merge lays a later document over an earlier one and returns the result; neither is changed.
// Mappings merge key by key, everything else is replaced. A null that is written out (null or ~)
// removes the key; if there is nothing to remove, there is a warning. A key with nothing behind it
// changes nothing where the key exists. Everything keeps the position of the document it comes
// from. Which of two documents is earlier is decided by the order of files.
func Merge(base, over *Node) (*Node, diag.Diagnostics) {
	m := &merger{}
	return m.merge(base, over), m.problems
}

type merger struct {
	problems  diag.Diagnostics
	suggested int
}

// mostSuggestions bounds the search for what was meant, which compares every name.
const mostSuggestions = 50

func (m *merger) merge(base, over *Node) *Node {
	if base.Kind != Mapping || over.Kind != Mapping {
		return over
	}
	out := &Node{Kind: Mapping, Pos: base.Pos, Entries: append([]Entry(nil), base.Entries...)}
	place := make(map[string]int, len(out.Entries))
	for i, e := range out.Entries {
		place[e.Key] = i
	}
	removed := map[int]bool{}
	for _, e := range over.Entries {
		i, exists := place[e.Key]
		switch {
		case e.Value.Kind == Null && !e.Value.Implicit && exists:
			removed[i] = true
		case e.Value.Kind == Null && !e.Value.Implicit:
			m.problems = append(m.problems, diag.Diagnostic{Severity: diag.Warning, Position: e.Pos,
				Message: fmt.Sprintf("%q: null removes what an earlier document declares, and none declares it",
					e.Key), Fix: m.nothingToRemove(e.Key, base)})
		case e.Value.Kind == Null && exists:
		case exists && out.Entries[i].Value.Kind == Mapping && e.Value.Kind == Mapping:
			out.Entries[i].Value = m.merge(out.Entries[i].Value, e.Value)
		case exists:
			out.Entries[i] = e
		default:
			place[e.Key] = len(out.Entries)
			out.Entries = append(out.Entries, e)
		}
	}
	return out.without(removed)
}

// nothingToRemove names the key of base that a null was probably meant for.
func (m *merger) nothingToRemove(key string, base *Node) string {
	if m.suggested++; m.suggested <= mostSuggestions {
		keys := make([]string, len(base.Entries))
		for i, e := range base.Entries {
			keys[i] = e.Key
		}
		if best := suggest.Nearest(key, keys); best != "" {
			return fmt.Sprintf("did you mean %s?", best)
		}
	}
	return "remove the line"
}

func (n *Node) without(removed map[int]bool) *Node {
	if len(removed) == 0 {
		return n
	}
	kept := make([]Entry, 0, len(n.Entries))
	for i, e := range n.Entries {
		if !removed[i] {
			kept = append(kept, e)
		}
	}
	n.Entries = kept
	return n
}
