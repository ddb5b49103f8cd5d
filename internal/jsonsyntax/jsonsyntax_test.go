package jsonsyntax_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/jsonsyntax"
)

func TestExplain(t *testing.T) {
	for text, want := range map[string]struct {
		at   int
		text string
	}{
		"":                 {0, "the JSON ends too early"},
		`{"n":`:            {5, "the JSON ends too early: } is missing at its end"},
		`{"n":[{"a":"x\"`:  {15, `the JSON ends too early: "}]} is missing at its end`},
		`{"n":1,}`:         {7, "not JSON: unexpected '}'; remove the comma before it"},
		`[1, 2, ]`:         {7, "not JSON: unexpected ']'; remove the comma before it"},
		`{'n':1}`:          {1, `not JSON: unexpected "'"; put double quotes around text`},
		`{n:1}`:            {1, "not JSON: unexpected n; put double quotes around text"},
		`foo`:              {1, "not JSON: unexpected foo; put double quotes around text"},
		`{"a":tru}`:        {8, "not JSON: unexpected '}'"},
		`{"a":1 "b":2}`:    {7, `not JSON: unexpected '"'; a comma is missing before it`},
		"{\"a\":\"x\ny\"}": {7, `not JSON: unexpected '\n'; in text, it is written with a backslash`},
		`{"a":[1}`:         {7, "not JSON: unexpected '}'"},
		`{"a":"\q"}`:       {7, "not JSON: unexpected 'q'"},
		`{"a":01}`:         {6, "not JSON: unexpected '1'"},
		"\u00e9":           {0, "not JSON: unexpected '\u00e9'"},

		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001): {10_000, "not JSON: it nests deeper than 10,000 levels"},
	} {
		at, message := jsonsyntax.Explain([]byte(text))
		if at != want.at || message != want.text {
			t.Errorf("%s: %d %s, want %d %s", text, at, message, want.at, want.text)
		}
	}
}

// TestExplainDeepText checks that no bracket is copied for each one inside it: a message may have
// millions of them, in thousands that are never closed.
func TestExplainDeepText(t *testing.T) {
	text := []byte(strings.Repeat("[", 9_000) + strings.Repeat("[],", 9_000))
	at, message := jsonsyntax.Explain(text)
	if want := "the JSON ends too early: ]]]]]]]]]]… is missing at its end"; at != len(text) || message != want {
		t.Errorf("%d %s, want %s", at, message, want)
	}
	if n := testing.AllocsPerRun(1, func() { jsonsyntax.Explain(text) }); n > 1_000 {
		t.Errorf("%v allocations", n)
	}
}
