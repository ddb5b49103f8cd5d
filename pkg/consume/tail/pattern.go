package tail

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// Keys is a set of routing keys: all that one of some topic patterns matches, or all without any
// pattern.
type Keys []pattern

// ParseKeys reads patterns.
func ParseKeys(patterns []string) Keys {
	var k Keys
	for _, text := range patterns {
		k = append(k, parsePattern(text))
	}
	return k
}

// Want reports whether the set has the routing key of a message, or one of its header CC.
func (k Keys) Want(m *message.Message) bool {
	if k.match(m.RoutingKey) {
		return true
	}
	copies, _ := message.AsArray(m.Headers[message.HeaderCC])
	for _, c := range copies {
		if text, ok := message.AsString(c); ok && k.match(text) {
			return true
		}
	}
	return false
}

func (k Keys) match(key string) bool {
	return len(k) == 0 || slices.ContainsFunc(k, func(p pattern) bool { return p.matches(key) })
}

// pattern is a topic pattern: words between points, of which * is any one and # any number.
type pattern []string

func parsePattern(text string) pattern {
	if text == "" {
		return nil
	}
	return strings.Split(text, ".")
}

// literal reports whether the pattern is one key.
func (p pattern) literal() bool {
	for _, word := range p {
		if word == "*" || word == "#" {
			return false
		}
	}
	return true
}

// matches reports whether a topic exchange would let the key through. "" has no word at all, "a."
// has two (fact topic-words). It takes time in proportion to both lengths, whatever the
// pattern.
func (p pattern) matches(key string) bool {
	// at has the places in the pattern where a reader of the key may be.
	at := make([]bool, len(p)+1)
	at[0] = true
	for i, word := range p {
		at[i+1] = at[i] && word == "#"
	}
	for more := key != ""; more; {
		var word string
		word, key, more = strings.Cut(key, ".")
		p.read(at, word)
	}
	return at[len(p)]
}

func (p pattern) read(at []bool, word string) {
	came := false // the place before was left with this word
	for i := range at {
		stays := i < len(p) && p[i] == "#" && at[i]
		enters := came
		if i > 0 && p[i-1] == "#" && at[i-1] { // it takes no further word
			enters = true
		}
		came = i < len(p) && at[i] && (p[i] == "*" || p[i] != "#" && p[i] == word)
		at[i] = stays || enters
	}
}
