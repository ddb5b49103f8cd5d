package jsonline_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/msgctl/msgctl/internal/jsonline"
)

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"a<b>&ü\n\x1b\x7f\u0085\u009f ", `"a<b>&ü\n\u001b\u007f\u0085\u009f "`},
		{json.RawMessage("{ \"b\" : 1.50,\n\"a\":\"\u009b\\\"\" }"), `{"b":1.50,"a":"\u009b\""}`},
		{"a\u061c\u200e\u200f\u202a\u202e\u2066\u2069b", `"a\u061c\u200e\u200f\u202a\u202e\u2066\u2069b"`},
		{map[string]any{"\u0080": 1}, `{"\u0080":1}`},
		{9007199254740993, `9007199254740993`},
	} {
		got, err := jsonline.Append([]byte("\u0085 "), c.v)
		if err != nil || string(got) != "\u0085 "+c.want {
			t.Errorf("%#v is %q, %v; want %s", c.v, got, err, c.want)
		}
	}
	if got, err := jsonline.Append([]byte("x"), func() {}); err == nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a\u0085\"\\", []byte(`{"a":[1, "\u0085"]}`))
	f.Add("\xff", []byte("\"\u009b\\\\\""))
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) {
			raw = []byte("null")
		}
		line, err := jsonline.Append(nil, []any{text, json.RawMessage(raw)})
		if err != nil || !json.Valid(line) || strings.ContainsFunc(string(line), unicode.IsControl) {
			t.Fatalf("%q, %v", line, err)
		}
		var back []json.RawMessage
		var again string
		if json.Unmarshal(line, &back) != nil || json.Unmarshal(back[0], &again) != nil ||
			again != string([]rune(text)) {
			t.Fatalf("%q is read back from %s as %q", text, line, again)
		}
	})
}
