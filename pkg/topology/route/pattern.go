package route

import (
	"slices"
	"strings"
)

// Words splits a routing key as topic exchanges do: "" has no words, "a." has two (fact
// topic-words).
func Words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

// TokenKind says what one word of a Pattern stands for.
type TokenKind uint8

// The kinds of tokens.
const (
	Literal  TokenKind = iota
	OneWord            // * in a topic binding
	AnyWords           // # in a topic binding: none, one or several
)

// Token is one word of a Pattern. Word is empty unless it is a Literal.
type Token struct {
	Kind TokenKind
	Word string
}

// Pattern is a set of routing keys: those that a binding lets through. The key of a direct binding
// is a pattern of literals, also where it holds * or #.
type Pattern []Token

// Exactly returns the pattern of one key.
func Exactly(key string) Pattern {
	p := Pattern{}
	for _, w := range Words(key) {
		p = append(p, Token{Word: w})
	}
	return p
}

// Topic returns the pattern that a key means in a binding of a topic exchange.
func Topic(key string) Pattern {
	p := Exactly(key)
	for i, t := range p {
		switch t.Word {
		case "*":
			p[i] = Token{Kind: OneWord}
		case "#":
			p[i] = Token{Kind: AnyWords}
		}
	}
	return p
}

// AnyKey returns the pattern that lets every key through.
func AnyKey() Pattern { return Pattern{{Kind: AnyWords}} }

// String returns the pattern as a binding would have it.
func (p Pattern) String() string {
	list := make([]string, len(p))
	for i, t := range p {
		list[i] = [...]string{t.Word, "*", "#"}[t.Kind]
	}
	return strings.Join(list, ".")
}

// Single returns the only key of the pattern, and false when it has several.
func (p Pattern) Single() (string, bool) {
	for _, t := range p {
		if t.Kind != Literal {
			return "", false
		}
	}
	return p.String(), true
}

// Matches reports whether the pattern lets the key through. It takes time proportional to the
// product of their lengths at most, whatever the pattern.
func (p Pattern) Matches(key string) bool {
	s := p.Start()
	for _, w := range Words(key) {
		s = p.Read(s, w)
	}
	return s.Accepts()
}

// Positions is a set of places in a Pattern: where a reader of a key, word by word, may be in it.
type Positions []bool

// Start returns the places of a reader that has read nothing.
func (p Pattern) Start() Positions {
	s := make(Positions, len(p)+1)
	s[0] = true
	return p.skip(s)
}

// skip adds the places that # lets a reader reach without a word.
func (p Pattern) skip(s Positions) Positions {
	for i, t := range p {
		if s[i] && t.Kind == AnyWords {
			s[i+1] = true
		}
	}
	return s
}

// Read returns the places after one more word.
func (p Pattern) Read(s Positions, word string) Positions {
	next := make(Positions, len(s))
	for i, t := range p {
		switch {
		case !s[i]:
		case t.Kind == AnyWords:
			next[i] = true
		case t.Kind == OneWord || t.Word == word:
			next[i+1] = true
		}
	}
	return p.skip(next)
}

// Dead reports that no continuation can match.
func (s Positions) Dead() bool { return !slices.Contains(s, true) }

// Accepts reports that what was read matches as it is.
func (s Positions) Accepts() bool { return s[len(s)-1] }
