package render_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/render"
)

// TestNoFormWritesControlCharacters checks that no format writes control characters from names or
// bodies, which are untrusted and which a terminal would act on.
func TestNoFormWritesControlCharacters(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r < 0x100; r++ {
		all.WriteRune(r)
	}
	all.WriteString("\u2028\ufeff\ufffe\uffff\U0001f600 end")
	doc := map[string]any{all.String(): []any{all.String(), "plain", map[string]any{"\u009bname\x7f": "\x1b[31m"}}}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(io.Writer, any) error{
		"json": render.JSON, "ndjson": render.JSONLine, "yaml": render.YAML,
	} {
		for _, v := range []any{doc, json.RawMessage(raw)} {
			var out bytes.Buffer
			if err := write(&out, v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, r := range out.String() {
				if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
					t.Errorf("%s writes %U", name, r)
				}
			}
			var back map[string]any
			unmarshal := json.Unmarshal
			if name == "yaml" {
				unmarshal = yaml.Unmarshal
			}
			if err := unmarshal(out.Bytes(), &back); err != nil || !reflect.DeepEqual(back, doc) {
				t.Errorf("%s reads back as %q, %v", name, back, err)
			}
		}
	}
}
