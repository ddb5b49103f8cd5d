package event

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzValidJSON holds what is called valid JSON against encoding/json.
func FuzzValidJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `""`, `0`, `-`, `-0`, `01`, `1.`, `.5`, `1e`, `1e+`, `1E-07`, `+1`, `tru`, `truex`, `null`, `nul`, ` 1 `, `1 2`, `{"a":1,}`, `[1,]`, `{"a"}`, `{a:1}`, `{"a":1 "b":2}`,
		`"\u12G4"`, `"\ud800"`, `"\x"`, "\"\t\"", "\"\x7f\"", "\"\xff\"", `"`, `"\`, `"\"`, "\v1", "\u00a01", "1\x00", `[[[[`, `[{"a":[`, `{"":{"":""}}`, `{"a":1}}`, "\ufeff{}", `{"a":1}//`, `NaN`, `Infinity`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := validJSON(text), json.Valid(text); got != want {
			t.Errorf("validJSON(%q) = %v, want %v as encoding/json says", text, got, want)
		}
	})
}

// TestValidJSONIsBounded: a text that is nested deeper than encoding/json goes is not valid, and
// takes no stack to find that out.
func TestValidJSONIsBounded(t *testing.T) {
	for _, depth := range []int{1, 4999, 5000, 9999, 10000, 10001, 20 << 20} {
		text := []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		if got, want := validJSON(text), depth <= 10000; got != want {
			t.Errorf("%d levels are valid: %v, want %v", depth, got, want)
		}
	}
}
