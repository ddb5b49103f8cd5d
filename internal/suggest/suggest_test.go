package suggest_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/suggest"
)

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		name       string
		candidates string
		want       string
	}{
		{"order.craeted", "order.created order.paid", "order.created"},
		{"message_ttl", "maxLength messageTTL", "messageTTL"},
		{"x-max-length", "maxLength messageTTL", "maxLength"},
		{"ORDERS", "orders", "orders"},
		{"ordres", "orders order", "orders"},
		{"ab", "abc abd", "abc"},
		{"ab", "xy", ""},
		{"a", "b", ""},
		{"", "a", ""},
		{"x-", "a", ""},
		{"payments", "orders", ""},
		{"Größe", "größe", "größe"},
		{strings.Repeat("x", 1000), "x " + strings.Repeat("x", 1000), ""},
	} {
		if got := suggest.Nearest(c.name, strings.Fields(c.candidates)); got != c.want {
			t.Errorf("Nearest(%.20q, %.40q) = %.20q, want %q", c.name, c.candidates, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	for names, want := range map[string]string{
		"":                        "",
		"a":                       "a",
		"a b c d e f g h i j":     "a, b, c, d, e, f, g, h, i, j",
		"a b c d e f g h i j k":   "a, b, c, d, e, f, g, h, i, j and 1 more",
		"a b c d e f g h i j k l": "a, b, c, d, e, f, g, h, i, j and 2 more",
	} {
		if got := suggest.List(strings.Fields(names)); got != want {
			t.Errorf("List(%q) = %q, want %q", names, got, want)
		}
	}
}
