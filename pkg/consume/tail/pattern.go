package tail

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// Keys is a set of routing keys: all that match any of several topic patterns, or all keys if there
// is no pattern.
type Keys []pattern

// ParseKeys parses topic patterns.
func ParseKeys(patterns []string) Keys {
	var k Keys
	for _, text := range patterns {
		k = append(k, parsePattern(text))
	}
	return k
}

// Want reports whether the set contains a message's routing key or one of the keys in its CC
// header.
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

// pattern is a topic pattern: words separated by dots. * matches exactly one word, # any number.
type pattern []string

func parsePattern(text string) pattern {
	if text == "" {
		return nil
	}
	return strings.Split(text, ".")
}

// literal reports whether the pattern has no wildcard.
func (p pattern) literal() bool {
	for _, word := range p {
		if word == "*" || word == "#" {
			return false
		}
	}
	return true
}

// matches reports whether a topic exchange would match the key. "" has no words, "a." has two (fact
// topic-words). The running time is at most proportional to the product of both lengths, for any
// pattern.
func (p pattern) matches(key string) bool {
	// at has the positions in the pattern that the part of the key read so far can reach.
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
