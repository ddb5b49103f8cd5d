package discover

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

func sets(patterns ...string) []routingKeys {
	var list []routingKeys
	for _, p := range patterns {
		list = append(list, routingKeys{all: []pattern{routing.Topic(p)}})
	}
	return list
}

func TestRoutingKeysKnowWhatIsLeftOver(t *testing.T) {
	for _, c := range []struct {
		all, none, others string
		want              answer
		key               string
	}{
		{all: "order.* *.paid", want: yes, key: "order.paid"},
		{all: "order.* mail.#", want: no},
		{all: "order.#", others: "order order.* order.*.#", want: no},
		{all: "order.#", others: "order.* order.*.*.#", want: yes, key: "order"},
		{all: "#", others: "#", want: no},
		{all: "#", others: "*.# a", want: yes, key: ""},
		{all: "#", none: "#.a", others: "#.*.b", want: yes, key: ""},
		{all: "a.#.b", others: "a.b a.*.b a.*.*.#.b", want: no},
		{all: "a.b", others: "a.c", want: yes, key: "a.b"},
		{all: "a.b", others: "a.*", want: no},
	} {
		k := routingKeys{}
		for _, p := range strings.Fields(c.all) {
			k.all = append(k.all, routing.Topic(p))
		}
		for _, p := range strings.Fields(c.none) {
			k.none = append(k.none, routing.Topic(p))
		}
		key, got := k.find(sets(strings.Fields(c.others)...))
		if got != c.want || (got == yes && key != c.key) {
			t.Errorf("%+v: got %v with %q", c, got, key)
		}
	}
}

// Whatever find returns is right by the one definition that matters, and what it says is not there
// cannot be found by trying.
func TestRoutingKeySearchAgreesWithTrying(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "*", "#", ""})
	pat := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 0, 4).Draw(t, "words"), ".") })
	keyWord := rapid.SampledFrom([]string{"a", "b", "c", ""})
	rapid.Check(t, func(t *rapid.T) {
		k := routingKeys{}
		for _, p := range rapid.SliceOfN(pat, 1, 2).Draw(t, "all") {
			k.all = append(k.all, routing.Topic(p))
		}
		for _, p := range rapid.SliceOfN(pat, 0, 2).Draw(t, "none") {
			k.none = append(k.none, routing.Topic(p))
		}
		others := sets(rapid.SliceOfN(pat, 0, 3).Draw(t, "others")...)
		key, found := k.find(others)
		if found == yes && (!k.has(key) || inAny(key, others)) {
			t.Fatalf("found %q, which is not left over", key)
		}
		if found == no {
			for range 50 {
				try := strings.Join(rapid.SliceOfN(keyWord, 0, 6).Draw(t, "key"), ".")
				if k.has(try) && !inAny(try, others) {
					t.Fatalf("found nothing, but %q is left over", try)
				}
			}
		}
	})
}
