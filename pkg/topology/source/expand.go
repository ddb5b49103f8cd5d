package source

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

type expander struct {
	Variables
	// seen are the containers and scalars that were expanded; with are those below which there are
	// variables, so that what aliases share is walked again only for them.
	seen, with map[*Node]bool
	reported   map[string]bool
	path       []string
	problems   diag.Diagnostics
}

// node expands what is below n, and reports whether there are variables in it.
func (e *expander) node(n *Node) bool {
	scalar := n.Kind != Sequence && n.Kind != Mapping
	if scalar && n.Raw == "" && (n.Kind != String || !strings.Contains(n.Text, "${")) {
		return false
	}
	again := !e.first(n)
	if again && !e.with[n] {
		return false
	}
	found := false
	switch n.Kind {
	case Sequence:
		for _, item := range n.Items {
			found = e.node(item) || found
		}
	case Mapping:
		found = e.mapping(n, again)
	default:
		raw := n.Raw
		if !again {
			raw = n.Text
		}
		if found = strings.Contains(raw, "${"); found {
			e.scalar(n, raw, again)
		}
	}
	e.with[n] = found
	return found
}

func (e *expander) first(n *Node) bool {
	if e.seen[n] {
		return false
	}
	e.seen[n] = true
	return true
}

func (e *expander) mapping(n *Node, again bool) bool {
	changed, found := false, false
	for i := range n.Entries {
		entry := &n.Entries[i]
		if !again && strings.Contains(entry.Key, "${") {
			entry.Key, _ = e.text(entry.Key, place{at: entry.Pos, path: append(slices.Clone(e.path), "")})
			changed = true
		}
		e.path = append(e.path, entry.Key)
		found = e.node(entry.Value) || found
		e.path = e.path[:len(e.path)-1]
	}
	if changed {
		e.problems = append(e.problems, dropDuplicates(n)...)
	}
	return found
}

func (e *expander) scalar(n *Node, raw string, again bool) {
	text, missing := e.text(raw, place{at: n.Pos, path: e.path, scalar: true})
	if again {
		return
	}
	n.Text, n.Unset, n.Hidden = text, missing == unset, missing == hidden
	if strings.ReplaceAll(raw, "$${", "") == raw || strings.Contains(strings.ReplaceAll(raw, "$${", ""), "${") {
		n.Raw = raw
	}
	if n.Raw != "" && !n.Unset {
		n.resolve(&yaml.Node{Kind: yaml.ScalarNode, Value: n.Text})
	}
	if n.Kind == Null {
		n.Kind, n.Implicit = String, false // an empty variable is an empty string, not an absent value
	}
}

// text expands one string, and says whether a variable in it has no value.
func (e *expander) text(s string, at place) (string, absence) {
	var b strings.Builder
	at.raw = s
	missing := present
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), missing
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
			e.fail(at.at, fmt.Sprintf("the variable %q has no closing brace", s[i:]), "",
				"write ${NAME}, or $${ for the characters ${")
			return b.String(), unset
		}
		value, absent := e.variable(s[i+2:i+end], at)
		b.WriteString(value)
		missing = max(missing, absent)
		s = s[i+end+1:]
	}
}

// variable returns the value of a variable. One that has none is left as it is written, so that
// names that contain it still agree.
func (e *expander) variable(inner string, at place) (string, absence) {
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !variableName.MatchString(name) {
		e.fail(at.at, fmt.Sprintf("${%s} names no variable", inner), "",
			"write ${NAME} or ${NAME:-default}, or $${ for the characters ${")
		return "${" + inner + "}", unset
	}
	masked := at.scalar && e.Masked != nil && e.Masked(at.path, at.raw, name)
	if !e.allowed(name, masked, at) {
		return "${" + inner + "}", unset
	}
	value, ok := e.lookup(name)
	switch {
	case hasDefault && value == "":
		return fallback, present
	case !ok && masked && !e.NeedSecrets:
		return e.placeholder(at), hidden
	case ok && masked && value == "":
		e.fail(at.at, fmt.Sprintf("the variable %s is set to nothing, and this is a secret", name),
			"an empty password lets nobody in",
			fmt.Sprintf("set it (export %s=…), or leave the field out", name))
		return "${" + inner + "}", unset
	case !ok && !e.unused(at.path):
		e.fail(at.at, fmt.Sprintf("the variable %s is not set", name), "",
			fmt.Sprintf("set it (export %s=…), or give it a default: ${%s:-default}", name, name))
	}
	switch {
	case !ok:
		return "${" + inner + "}", unset
	case masked && e.Secret != nil:
		e.Secret(value)
	case !masked && e.Leaks != nil && !e.unused(at.path) && e.Leaks(value):
		e.fail(at.at, fmt.Sprintf("the value of the variable %s is or contains a secret", name), exposed, hideIt)
	}
	return value, present
}

func (e *expander) lookup(name string) (string, bool) {
	if e.Lookup == nil {
		return "", false
	}
	return e.Lookup(name)
}

// allowed applies the rules about secrets.
func (e *expander) allowed(name string, masked bool, at place) bool {
	switch {
	case slices.Contains(e.Forbidden, name):
		e.fail(at.at, fmt.Sprintf("the variable %s holds msgctl's own credentials, and no topology file may read it", name),
			"a file may come from a pull request, and what it declares is shown to everybody",
			"give the value to a variable of another name")
		return false
	case e.Masked == nil || masked || !SaysSecret(name) || e.unused(at.path):
		return true
	}
	e.fail(at.at, fmt.Sprintf("the variable %s is a secret by its name, and this field is shown to everybody", name),
		exposed, hideIt)
	return false
}

const (
	exposed = "plans, graphs and comments in pull requests show the field"
	hideIt  = "use secrets in passwords of users, and in passwords and URIs of parameters; call a variable that is no " +
		"secret otherwise"
)

// unused reports whether a value is below a key that holds anchors only: it counts where an alias
// puts it.
func (e *expander) unused(path []string) bool {
	return e.Masked != nil && len(path) > 0 && strings.HasPrefix(path[0], "x-")
}

// placeholder stands for a secret that has no value.
func (e *expander) placeholder(at place) string {
	if last := at.path[len(at.path)-1]; strings.HasSuffix(strings.ToLower(last), "uri") &&
		strings.HasPrefix(at.raw, "${") {
		return "amqp://" + UnsetSecret
	}
	return UnsetSecret
}

// fail reports a problem once, however many aliases lead to it.
func (e *expander) fail(at diag.Position, message, why, fix string) {
	key := at.String() + " " + message
	if e.reported[key] {
		return
	}
	e.reported[key] = true
	e.problems = append(e.problems, failure(at, message, why, fix)...)
}
