package profile

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/suggest"
)

// checkKeys refuses a key it does not know, with the nearest one it does: a misspelt "protected"
// must not go unnoticed.
func checkKeys(root *yaml.Node) *Error {
	if root.Kind != yaml.MappingNode {
		return problem("", "line %d: the file is not a mapping with the keys current and contexts", root.Line)
	}
	return eachPair(root, []string{"current", "contexts"}, func(key string, contexts *yaml.Node) *Error {
		if key != "contexts" {
			return nil
		}
		return eachPair(contexts, nil, func(_ string, context *yaml.Node) *Error {
			return eachPair(context, keysOf(reflect.TypeFor[Context]()), func(key string, tls *yaml.Node) *Error {
				if key != "tls" {
					return nil
				}
				return eachPair(tls, keysOf(reflect.TypeFor[TLS]()), func(string, *yaml.Node) *Error { return nil })
			})
		})
	})
}

// eachPair visits a mapping; with nil as known keys any key is good. Values other than mappings are
// left to the decoder.
func eachPair(n *yaml.Node, known []string, visit func(string, *yaml.Node) *Error) *Error {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if known != nil && !slices.Contains(known, key.Value) {
			advice := "known are " + strings.Join(known, ", ")
			if near := suggest.Nearest(key.Value, known); near != "" {
				advice = "did you mean " + near + "?"
			}
			return problem(advice, "line %d: unknown field %q", key.Line, key.Value)
		}
		if err := visit(key.Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		keys = append(keys, name)
	}
	return keys
}
