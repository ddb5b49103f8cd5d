package regex_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/regex"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		text, name     string
		matches, known bool
	}{
		{`^(?!amq\.).*`, "orders", true, true},
		{`^(?!amq\.).*`, "amq.gen-x", false, true},
		{`^(?!amq\.|dead).*`, "dead", false, true},
		{`^(?!.*\.dlq$)`, "orders.dlq", false, true},
		{`(?<!\.retry)$`, "orders.retry", false, true},
		{`(?<!\.retry)$`, "orders", true, true},
		{`^(?=.*orders).*v2`, "v2 orders v2", true, true},
		{`^(a)\1$`, "aa", true, true},
		{`^(?>a+)b`, "aab", true, true},
		{`^orders`, "orders", true, true},
		{``, "orders", true, true},
		{`^(?R)$`, "x", false, false},
		{`(`, "x", false, false},
	} {
		matches, known := regex.Compile(tc.text).Match(tc.name)
		if matches != tc.matches || known != tc.known {
			t.Errorf("%q with %q: %t, known %t", tc.text, tc.name, matches, known)
		}
	}
}

// An expression that tries everything is given up, once and not for each name.
func TestGivesUp(t *testing.T) {
	p := regex.Compile(`^(?!x)(a+)+$`)
	if matches, known := p.Match("aaa"); !matches || !known {
		t.Error(matches, known)
	}
	for range 1000 {
		if _, known := p.Match(strings.Repeat("a", 200) + "b"); known {
			t.Fatal("it cannot have been judged")
		}
	}
}
