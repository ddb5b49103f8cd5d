package jsonsyntax_test

import (
	"encoding/json"
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
	} {
		var v any
		at, message := jsonsyntax.Explain([]byte(text), json.Unmarshal([]byte(text), &v))
		if at != want.at || message != want.text {
			t.Errorf("%s: %d %s, want %d %s", text, at, message, want.at, want.text)
		}
	}
}
