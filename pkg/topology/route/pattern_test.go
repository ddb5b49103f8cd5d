package route_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/cputime"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

func TestTopicPatternsMatchAsTheBrokerDoes(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"", "", true}, {"#", "", true}, {"#.#", "", true}, {"*", "", false}, {"", "a", false},
		{"a.*", "a.b", true}, {"a.*", "a", false}, {"a.*", "a.", true}, {"a.#", "a", true}, {"a.#", "a.b.c", true},
		{"*.*", ".", true}, {"#.c", "a.b.c", true}, {"#.c", "c", true}, {"a.#.c", "a.c", true}, {"a.#.c", "a.b", false},
		{"a*", "a*", true}, {"a*", "ab", false},
	} {
		if got := route.Topic(c.pattern).Matches(c.key); got != c.want {
			t.Errorf("%q matches %q: got %v, want %v", c.pattern, c.key, got, c.want)
		}
	}
	if !route.Exactly("a.*").Matches("a.*") || route.Exactly("a.*").Matches("a.b") || route.Exactly("#").Matches("") {
		t.Error("a direct binding's key must be taken literally")
	}
}

// naive implements the definition of topic matching: # matches no word, or one word followed by #
// again.
func naive(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return naive(pattern[1:], key) || len(key) > 0 && naive(pattern, key[1:])
	case len(key) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == key[0]) && naive(pattern[1:], key[1:])
}

// through matches with a topic exchange that has one binding. The index of the exchange is
// independent of Pattern.
func through(t testing.TB, pattern, key string) bool {
	n := network(t, "", exchange("x", "topic", nil), queue("q", nil), bind("x", pattern, "q"))
	return !n.Route(route.Publication{Exchange: "x", Key: key}).Lost()
}

func checkMatch(t testing.TB, pattern, key string) {
	t.Helper()
	want := naive(route.Words(pattern), route.Words(key))
	if got := route.Topic(pattern).Matches(key); got != want {
		t.Fatalf("pattern %q, key %q: got %v, want %v", pattern, key, got, want)
	}
	if got := through(t, pattern, key); got != want {
		t.Fatalf("exchange with %q, key %q: got %v, want %v", pattern, key, got, want)
	}
}

// FuzzTopic compares both implementations of topic matching with the definition. The oracle takes
// exponential time, so it is used for short texts only.
func FuzzTopic(f *testing.F) {
	for _, s := range [][2]string{{"", ""}, {"#.#.#", "a.b"}, {"a.#.*.b", "a.b.b"}, {"*.#.*", "."}, {"#.a.#.a", "a.a"},
		{"a..#", "a."}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(route.Words(pattern)) <= 10 && len(route.Words(key)) <= 10 {
			checkMatch(t, pattern, key)
		}
	})
}

func TestTopicMatchingAgreesWithItsDefinition(t *testing.T) {
	pattern := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "#", "", "#"}), 0, 7)
	key := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "", "*", "#"}), 0, 7)
	rapid.Check(t, func(r *rapid.T) {
		p, k := strings.Join(pattern.Draw(r, "pattern"), "."), strings.Join(key.Draw(r, "key"), ".")
		want := naive(route.Words(p), route.Words(k))
		if got := route.Topic(p).Matches(k); got != want {
			r.Fatalf("pattern %q, key %q: got %v, want %v", p, k, got, want)
		}
		if got := through(t, p, k); got != want {
			r.Fatalf("exchange with %q, key %q: got %v, want %v", p, k, got, want)
		}
	})
}

// An index of many bindings must give the same answers as each binding alone.
func TestTheIndexOfATopicExchangeKeepsBindingsApart(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "*", "#", ""})
	pat := rapid.Custom(func(r *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 0, 6).Draw(r, "words"), ".") })
	rapid.Check(t, func(r *rapid.T) {
		patterns := rapid.SliceOfNDistinct(pat, 1, 40, rapid.ID).Draw(r, "patterns")
		objects := []topology.Object{exchange("x", "topic", nil)}
		for _, p := range patterns {
			objects = append(objects, queue("q:"+p, nil), bind("x", p, "q:"+p))
		}
		n := network(t, "", objects...)
		key := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), 0, 6).Draw(r, "key"), ".")
		reached := map[string]bool{}
		for _, q := range n.Route(route.Publication{Exchange: "x", Key: key}).Sure() {
			reached[q] = true
		}
		for _, p := range patterns {
			if reached["q:"+p] != naive(route.Words(p), route.Words(key)) {
				r.Fatalf("key %q, pattern %q among %q: got %v", key, p, patterns, reached["q:"+p])
			}
		}
	})
}

// A routing key has at most 255 bytes, and so at most 128 words. A pattern of #.a.#.a… must not
// take exponential time. The limit is ten thousand times the usual time.
func TestHostilePatternsTakeLittleTime(t *testing.T) {
	key := strings.Repeat("a.", 127) + "b"
	for _, pattern := range []string{strings.TrimSuffix(strings.Repeat("#.", 128), "."), strings.Repeat("#.a.", 60) + "c",
		strings.Repeat("#.*.", 60) + "c"} {
		start := cputime.Used()
		route.Topic(pattern).Matches(key)
		through(t, pattern, key)
		if took := cputime.Used() - start; took > 20*time.Second {
			t.Errorf("pattern %.20q…: %s", pattern, took)
		}
	}
}
