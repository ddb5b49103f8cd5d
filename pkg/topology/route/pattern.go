package route

import (
	"slices"
	"strings"
)

// Words splits a routing key into words as topic exchanges do: "" has no words, "a." has two (fact
// topic-words).
func Words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

// TokenKind is the kind of one word of a Pattern.
type TokenKind uint8

// The kinds of tokens.
const (
	Literal  TokenKind = iota
	OneWord            // * in a topic binding
	AnyWords           // # in a topic binding: zero or more words
)

// Token is one word of a Pattern. Word is empty unless Kind is Literal.
type Token struct {
	Kind TokenKind
	Word string
}

// Pattern is the set of routing keys that a binding matches. The key of a direct binding is a
// pattern of literals, even if it contains * or #.
type Pattern []Token

// Exactly returns the pattern that matches only key.
func Exactly(key string) Pattern {
	p := Pattern{}
	for _, w := range Words(key) {
		p = append(p, Token{Word: w})
	}
	return p
}

// Topic returns the pattern of a binding key of a topic exchange.
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

// AnyKey returns the pattern that matches every key.
func AnyKey() Pattern { return Pattern{{Kind: AnyWords}} }

// String returns the pattern as a binding key.
func (p Pattern) String() string {
	list := make([]string, len(p))
	for i, t := range p {
		list[i] = [...]string{t.Word, "*", "#"}[t.Kind]
	}
	return strings.Join(list, ".")
}

// Single returns the only key that the pattern matches, and false if there are several.
func (p Pattern) Single() (string, bool) {
	for _, t := range p {
		if t.Kind != Literal {
			return "", false
		}
	}
	return p.String(), true
}

// Matches reports whether the pattern matches the key. It takes time at most proportional to the
// product of their lengths.
func (p Pattern) Matches(key string) bool {
	s := p.Start()
	for _, w := range Words(key) {
		s = p.Read(s, w)
	}
	return s.Accepts()
}

// Positions is a set of positions in a Pattern. The positions are the states of the automaton that
// reads a key word by word.
type Positions []bool

// Start returns the positions before the first word.
func (p Pattern) Start() Positions {
	s := make(Positions, len(p)+1)
	s[0] = true
	return p.skip(s)
}

// skip adds the positions that # reaches without a word.
func (p Pattern) skip(s Positions) Positions {
	for i, t := range p {
		if s[i] && t.Kind == AnyWords {
			s[i+1] = true
		}
	}
	return s
}

// Read returns the positions after one more word.
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

// Dead reports whether no continuation can match.
func (s Positions) Dead() bool { return !slices.Contains(s, true) }

// Accepts reports whether the words read so far match.
func (s Positions) Accepts() bool { return s[len(s)-1] }
