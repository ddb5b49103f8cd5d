package export

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// object is a mapping in the making: keys and values in turn.
type object struct{ content []*yaml.Node }

func (o *object) put(key string, value *yaml.Node) {
	o.content = append(o.content, textNode(key), value)
}

func (o *object) insert(pair int, key string, value *yaml.Node) {
	o.content = slices.Insert(o.content, 2*pair, textNode(key), value)
}

// putText leaves an empty text out.
func (o *object) putText(key, text string) {
	if text != "" {
		o.put(key, textNode(text))
	}
}

// putObject leaves an empty mapping out.
func (o *object) putObject(key string, value *object) {
	if len(value.content) > 0 {
		o.put(key, value.node())
	}
}

// putList leaves an empty list out.
func (o *object) putList(key string, items []*yaml.Node) {
	if len(items) > 0 {
		o.put(key, &yaml.Node{Kind: yaml.SequenceNode, Content: items})
	}
}

func (o *object) putFlags(durable, autoDelete bool) {
	if !durable {
		o.put("durable", boolNode(false))
	}
	if autoDelete {
		o.put("autoDelete", boolNode(true))
	}
}

func (o *object) node() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Content: o.content} }

// flow is node on one line.
func (o *object) flow() *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: o.content, Style: yaml.FlowStyle}
}

// groups are mappings by name, in the order of their first use.
type groups struct {
	names   []string
	members []*object
}

func newGroups() *groups { return &groups{} }

func (g *groups) in(name string) *object {
	if i := slices.Index(g.names, name); i >= 0 {
		return g.members[i]
	}
	g.names, g.members = append(g.names, name), append(g.members, &object{})
	return g.members[len(g.members)-1]
}

func (g *groups) object() *object {
	o := &object{}
	for i, name := range g.names {
		o.put(name, g.members[i].node())
	}
	return o
}

// escape keeps ${ in names and values from being read as a variable.
func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }

func textNode(s string) *yaml.Node { return plainText(escape(s)) }

func variableNode(name string) *yaml.Node { return plainText("${" + name + "}") }

// plainText lets the encoder quote what would be read as something else than a string. Texts with
// characters that it would write raw in a plain or literal style are quoted here.
func plainText(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if s == "<<" || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == '{' || r == '}' || r > '~' &&
			!strconv.IsPrint(r)
	}) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func intNode(i int64) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(i, 10)}
}

func boolNode(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(b)}
}

func listNode(texts []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, t := range texts {
		n.Content = append(n.Content, textNode(t))
	}
	return n
}

// quantityNode writes a time or size with its unit, nil when v is none.
func quantityNode(v any, unit capability.Unit) *yaml.Node {
	i, ok := v.(int64)
	if !ok || i < 0 {
		return nil
	}
	switch unit {
	case capability.Milliseconds:
		return plainText(units.FormatMilliseconds(i))
	case capability.Bytes:
		return plainText(units.FormatSize(i))
	}
	return nil
}

// valueNode writes a value in normal form. path names it, for the variables that stand for secrets.
func (inv *inventory) valueNode(v any, path ...string) *yaml.Node {
	switch x := v.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case bool:
		return boolNode(x)
	case int64:
		return intNode(x)
	case float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: amqptable.Canonical(x)}
	case string:
		if inv.options.Mask {
			return textNode(masked(path[len(path)-1], x))
		}
		if !inv.options.Secrets && isSecret(path[len(path)-1], x) {
			return variableNode(inv.variable(path...))
		}
		return textNode(x)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range x {
			n.Content = append(n.Content, inv.valueNode(e, path...))
		}
		return n
	case map[string]any:
		o := &object{}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			o.put(k, inv.valueNode(x[k], append(slices.Clone(path), k)...))
		}
		return o.node()
	}
	return textNode("")
}

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
