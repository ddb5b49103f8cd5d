package source_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/source"
)

// TestFormatOf: it says what Parse does, also of texts whose name tells nothing.
func TestFormatOf(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       source.Format
	}{
		{"a.json", `a: 1`, source.JSON}, {"a.JSON", `{}`, source.JSON}, {"a.yml", `{"a": 1}`, source.YAML}, {"a.yaml", "a: 1",
			source.YAML},
		{"-", `{"a": 1}`, source.JSON}, {"-", "\ufeff\n {\"a\": 1}\n", source.JSON}, {"-", "{ a: 1 }", source.YAML}, {"-", "",
			source.YAML}, {"-", "a: 1", source.YAML},
	} {
		if got := source.FormatOf(c.name, []byte(c.text)); got != c.want {
			t.Errorf("%s, %q: got %s, want %s", c.name, c.text, got, c.want)
		}
		if docs, _ := source.Parse(c.name, []byte(c.text)); len(docs) > 0 && docs[0].Format != c.want {
			t.Errorf("%s, %q: it was read as %s", c.name, c.text, docs[0].Format)
		}
	}
}
