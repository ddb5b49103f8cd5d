// Package yamltext writes values as YAML with nothing in it that a terminal would obey. The YAML
// library escapes control characters itself, but not those that turn text around.
package yamltext

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// Encode returns v, a value or a *yaml.Node, as a YAML document, indented by two spaces.
func Encode(v any) ([]byte, error) {
	node, ok := v.(*yaml.Node)
	if !ok {
		node = &yaml.Node{}
		if err := node.Encode(v); err != nil {
			return nil, err
		}
	}
	quote(node)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return jsonline.Escape(b.Bytes()), nil
}

// quote puts text that needs escapes into double quotes, the only form that has them. YAML's are
// those of JSON here.
func quote(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && strings.ContainsFunc(n.Value, jsonline.Escaped) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		quote(child)
	}
}
