package yamltext_test

import (
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/yamltext"
)

// TestEncode reads back what it writes, without a character that a terminal would obey.
func TestEncode(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r < 0x2100; r++ {
		all.WriteRune(r)
	}
	for _, text := range []string{all.String(), "plain", "two\nlines\u202e\n", "\u202e", "  \u2066x: y #", "\ufeff",
		"'\u200f'", "a\\\u200eb"} {
		want := map[string]any{"key " + text: []any{text, map[string]any{"k": text}}}
		var node yaml.Node
		if err := node.Encode(want); err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{want, &node} {
			out, err := yamltext.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range string(out) {
				if r < ' ' && r != '\n' || jsonline.Escaped(r) {
					t.Errorf("%U is written raw", r)
				}
			}
			var got map[string]any
			if err := yaml.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q is read back as %q, %v", want, got, err)
			}
		}
	}
}
