package source

import (
	"fmt"
	"strconv"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// NodeKind says what a Node is.
type NodeKind uint8

// The kinds.
const (
	Null NodeKind = iota
	Bool
	Int
	Float
	String
	Sequence
	Mapping
)

// String names the kind as a message to people would, with its article.
func (k NodeKind) String() string {
	return [...]string{"null", "a boolean", "an integer", "a decimal number", "a string", "a list",
		"a mapping"}[k]
}

// Node is one value of a file.
type Node struct {
	Kind NodeKind
	// Implicit marks a Null that was not written: "key:" and nothing behind it.
	Implicit bool
	Pos      diag.Position
	// Text is a scalar as written, without quotes, variables replaced.
	Text string
	// Raw is Text before variables were replaced, "" when it has none.
	Raw string
	// Unset says that a variable in the scalar has no value, which was reported: Text has it as it
	// is written.
	Unset bool
	// Hidden says that UnsetSecret stands in Text.
	Hidden bool
	// scalar is the value of a Bool, Int or Float.
	scalar any
	// Entries are a Mapping's, in the order of the file.
	Entries []Entry
	// Items are a Sequence's.
	Items []*Node
}

// Entry is one key of a mapping and its value. A key of another type (1:, true:) is its text.
type Entry struct {
	Key   string
	Pos   diag.Position
	Value *Node
}

// Substituted reports whether a variable was replaced in the scalar.
func (n *Node) Substituted() bool { return n.Raw != "" }

// Get returns the value of a key, nil when there is none.
func (n *Node) Get(key string) *Node {
	if i := n.index(key); i >= 0 {
		return n.Entries[i].Value
	}
	return nil
}

func (n *Node) index(key string) int {
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return i
		}
	}
	return -1
}

// Value returns the node as Go data in the normal form of amqptable.Normalise: nil, bool, int64,
// float64, string, []any or map[string]any. Integers beyond 64 bits become float64.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool, Int, Float:
		return n.scalar
	case String:
		return n.Text
	case Sequence:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = item.Value()
		}
		return list
	case Mapping:
		m := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			m[e.Key] = e.Value.Value()
		}
		return m
	}
	return nil
}

// Describe says what the node is, with a scalar's value: the string "12", a list, nothing. Do not
// use it on secrets.
func (n *Node) Describe() string {
	const longest = 40
	text := n.Text
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	switch n.Kind {
	case String:
		return "the string " + strconv.Quote(text)
	case Bool, Int, Float:
		return fmt.Sprintf("%s (%s)", text, n.Kind)
	}
	return n.Kind.String()
}
