package tail

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPatternMatches(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"#", []string{"", "a", "a.b", ".", "a."}, nil},
		{"", []string{""}, []string{"a", "."}},
		{"*", []string{"a"}, []string{"", "a.b", "."}},
		{"*.*", []string{"a.b", ".", "a."}, []string{"", "a", "a.b.c"}},
		{"order.#", []string{"order", "order.created", "order.a.b"}, []string{"", "orders", "x.order"}},
		{"#.created", []string{"created", "order.created", "a.b.created"}, []string{"created.x", ""}},
		{"a.#.b.#.c", []string{"a.b.c", "a.x.b.c", "a.b.x.y.c", "a.b.b.c.c"}, []string{"a.c", "a.b", "a.c.b"}},
		{"#.#", []string{"", "a", "a.b"}, nil},
		{"order.created", []string{"order.created"}, []string{"order", "order.created.", "order.created.x"}},
	} {
		p := parsePattern(c.pattern)
		for _, key := range c.yes {
			if !p.matches(key) {
				t.Errorf("%q does not match %q", c.pattern, key)
			}
		}
		for _, key := range c.no {
			if p.matches(key) {
				t.Errorf("%q matches %q", c.pattern, key)
			}
		}
	}
}

// slow is the definition, word for word.
func slow(p, key []string) bool {
	switch {
	case len(p) == 0:
		return len(key) == 0
	case p[0] == "#":
		return slow(p[1:], key) || len(key) > 0 && slow(p, key[1:])
	case len(key) == 0:
		return false
	}
	return (p[0] == "*" || p[0] == key[0]) && slow(p[1:], key[1:])
}

func TestPatternAgreesWithItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, n int) (out []string) {
		for range r.IntN(n) {
			out = append(out, from[r.IntN(len(from))])
		}
		return out
	}
	for range 20_000 {
		p, key := pick([]string{"a", "b", "*", "#"}, 6), pick([]string{"a", "b"}, 6)
		if got, want := pattern(p).matches(strings.Join(key, ".")), slow(p, key); got != want {
			t.Fatalf("%v with %v: %v", p, key, got)
		}
	}
}
