package jsonappend_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message/internal/jsonappend"
)

func FuzzString(f *testing.F) {
	f.Add("a\"\\\n\r\t\x00\x1b\x7f\u0080\u009f\u00a0ü\u2028")
	f.Add("\xc2")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(jsonappend.Valid(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") &&
			utf8.ValidString(s) {
			t.Errorf("%q became %q, %v", s, got, err)
		}
		if !utf8.ValidString(s) {
			return
		}
		text := jsonappend.String(nil, s)
		if n := jsonappend.Len(s); n != len(text) {
			t.Errorf("length %d of %q, said %d", len(text), text, n)
		}
		for _, r := range string(text) {
			if r < 0x20 || r >= 0x7f && r < 0xa0 {
				t.Errorf("control character in %q", text)
			}
		}
	})
}
