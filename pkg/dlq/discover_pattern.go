package dlq

import (
	"slices"
	"strings"
)

// Routing keys are words with points between. "" has no word at all, "a." has two (seen on 3.10.8, 4.0.5, 4.3.6).
func words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

type tokenKind uint8

const (
	literal  tokenKind = iota
	oneWord            // * in a topic binding
	anyWords           // # in a topic binding
)

type token struct {
	kind tokenKind
	word string
}

// pattern is a set of routing keys: those that a binding lets through. A key in a direct binding is a pattern of
// literals, also where it holds * or #.
type pattern []token

func exactly(key string) pattern {
	p := pattern{}
	for _, w := range words(key) {
		p = append(p, token{word: w})
	}
	return p
}

func topicPattern(key string) pattern {
	p := exactly(key)
	for i, t := range p {
		switch t.word {
		case "*":
			p[i] = token{kind: oneWord}
		case "#":
			p[i] = token{kind: anyWords}
		}
	}
	return p
}

func anyKey() pattern { return pattern{{kind: anyWords}} }

func (p pattern) String() string {
	list := make([]string, len(p))
	for i, t := range p {
		list[i] = [...]string{t.word, "*", "#"}[t.kind]
	}
	return strings.Join(list, ".")
}

// single returns the only key of the pattern, and false when it has several.
func (p pattern) single() (string, bool) {
	for _, t := range p {
		if t.kind != literal {
			return "", false
		}
	}
	return p.String(), true
}

// positions is a set of places in a pattern: where a reader of the key may be in it.
type positions []bool

func (p pattern) start() positions {
	s := make(positions, len(p)+1)
	s[0] = true
	return p.skip(s)
}

// skip adds the places that # lets a reader reach without a word.
func (p pattern) skip(s positions) positions {
	for i, t := range p {
		if s[i] && t.kind == anyWords {
			s[i+1] = true
		}
	}
	return s
}

func (p pattern) read(s positions, word string) positions {
	next := make(positions, len(s))
	for i, t := range p {
		switch {
		case !s[i]:
		case t.kind == anyWords:
			next[i] = true
		case t.kind == oneWord || t.word == word:
			next[i+1] = true
		}
	}
	return p.skip(next)
}

func (s positions) dead() bool { return !slices.Contains(s, true) }

func (s positions) accepts() bool { return s[len(s)-1] }

func (p pattern) matches(key string) bool {
	s := p.start()
	for _, w := range words(key) {
		s = p.read(s, w)
	}
	return s.accepts()
}
