package source

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Lookup finds a variable: os.LookupEnv, or a map in tests.
type Lookup func(name string) (value string, ok bool)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Expand replaces ${VAR} and ${VAR:-default} in all scalars and keys below root, in place, once for
// each node however many aliases share it. As in a shell, the default also stands for a variable
// that is set but empty. $${ writes ${, and a $ before anything else is a $. An unset variable
// without default is an error. A scalar is then read again as YAML would, so that "${N}" can become
// an integer, also where it was quoted: inside { } YAML needs the quotes.
func Expand(root *Node, env Lookup) diag.Diagnostics {
	e := &expander{env: env, seen: map[*Node]bool{}}
	e.node(root)
	return e.problems
}

type expander struct {
	env      Lookup
	seen     map[*Node]bool
	problems diag.Diagnostics
}

func (e *expander) node(n *Node) {
	switch n.Kind {
	case Sequence:
		if e.first(n) {
			for _, item := range n.Items {
				e.node(item)
			}
		}
	case Mapping:
		if e.first(n) {
			e.mapping(n)
		}
	case String:
		if strings.Contains(n.Text, "${") && e.first(n) {
			e.scalar(n)
		}
	}
}

func (e *expander) first(n *Node) bool {
	if e.seen[n] {
		return false
	}
	e.seen[n] = true
	return true
}

func (e *expander) mapping(n *Node) {
	changed := false
	for i := range n.Entries {
		entry := &n.Entries[i]
		if strings.Contains(entry.Key, "${") {
			entry.Key, changed = e.text(entry.Key, entry.Pos), true
		}
		e.node(entry.Value)
	}
	if changed {
		e.problems = append(e.problems, dropDuplicates(n)...)
	}
}

func (e *expander) scalar(n *Node) {
	raw := n.Text
	n.Text = e.text(raw, n.Pos)
	if strings.ReplaceAll(raw, "$${", "") == raw || strings.Contains(strings.ReplaceAll(raw, "$${", ""), "${") {
		n.Raw = raw
		n.resolve(&yaml.Node{Kind: yaml.ScalarNode, Value: n.Text})
	}
	if n.Kind == Null {
		n.Kind, n.Implicit = String, false // an empty variable is an empty string, not an absent value
	}
}

// text expands one string.
func (e *expander) text(s string, at diag.Position) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1])
			b.WriteString("${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			e.fail(at, fmt.Sprintf("the variable %q has no closing brace", s[i:]), "write ${NAME}, or $${ for the characters ${")
			return b.String()
		}
		b.WriteString(e.variable(s[i+2:i+end], at))
		s = s[i+end+1:]
	}
}

func (e *expander) variable(inner string, at diag.Position) string {
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !variableName.MatchString(name) {
		e.fail(at, fmt.Sprintf("${%s} names no variable", inner),
			"write ${NAME} or ${NAME:-default}, or $${ for the characters ${")
		return ""
	}
	value, ok := e.env(name)
	switch {
	case hasDefault && value == "":
		return fallback
	case !ok:
		e.fail(at, fmt.Sprintf("the variable %s is not set", name),
			fmt.Sprintf("set it (export %s=…), or give it a default: ${%s:-default}", name, name))
	}
	return value
}

func (e *expander) fail(at diag.Position, message, fix string) {
	e.problems = append(e.problems, failure(at, message, "", fix)...)
}
