package discover

import (
	"strings"

	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// pattern is the set of routing keys that one binding matches.
type pattern = routing.Pattern

// routingKeys is a set of routing keys: those that match all of the patterns and none of the
// others.
type routingKeys struct {
	all  []pattern
	none []pattern
}

func (k routingKeys) and(p pattern) routingKeys {
	if _, one := p.Single(); !one && len(k.all) == 1 {
		if key, exact := k.all[0].Single(); exact && p.Matches(key) {
			return k
		}
	}
	return routingKeys{all: append(k.all[:len(k.all):len(k.all)], p), none: k.none}
}

func (k routingKeys) without(list []pattern) routingKeys {
	return routingKeys{all: k.all, none: append(k.none[:len(k.none):len(k.none)], list...)}
}

// exact returns the only key that the set can contain, and false if there may be several.
func (k routingKeys) exact() (string, bool) {
	for _, p := range k.all {
		if key, ok := p.Single(); ok {
			return key, true
		}
	}
	return "", false
}

func (k routingKeys) has(key string) bool {
	for _, p := range k.all {
		if !p.Matches(key) {
			return false
		}
	}
	for _, p := range k.none {
		if p.Matches(key) {
			return false
		}
	}
	return true
}

func (k routingKeys) String() string {
	if key, ok := k.exact(); ok {
		return key
	}
	list := make([]string, len(k.all))
	for i, p := range k.all {
		list[i] = p.String()
	}
	return strings.Join(list, " and ")
}

// answer is the result of a search for a key.
type answer uint8

const (
	no answer = iota
	yes
	unknown // the search was given up
)

// maxSearch limits the number of states of one search. Topologies with thousands of bindings need a
// few hundred.
const maxSearch = 20000

// find searches for a key that is in k and in none of the other sets, and returns a short one.
func (k routingKeys) find(others []routingKeys) (string, answer) {
	if key, ok := k.exact(); ok {
		if !k.has(key) || inAny(key, others) {
			return "", no
		}
		return key, yes
	}
	s := newSearch(k, others)
	return s.run()
}

func inAny(key string, sets []routingKeys) bool {
	for _, o := range sets {
		if o.has(key) {
			return true
		}
	}
	return false
}

// search enumerates keys word by word, shortest first, and tracks the state of each pattern: a
// breadth-first search in the product of the patterns' automata.
type search struct {
	wanted   compiled
	others   []compiled
	patterns []pattern
	index    map[string]int
	alphabet []string
	seen     map[string]bool
}

// compiled is routingKeys with their patterns as indices.
type compiled struct{ all, none []int }

type searchState struct {
	key []string
	at  []routing.Positions
}

func newSearch(k routingKeys, others []routingKeys) *search {
	s := &search{index: map[string]int{}, seen: map[string]bool{}}
	taken := map[string]bool{}
	// A word that no pattern names stands for all such words. It is tried first, because no binding
	// is likely to match it.
	s.alphabet = []string{""}
	s.wanted = s.compile(k, taken)
	for _, o := range others {
		s.others = append(s.others, s.compile(o, taken))
	}
	s.alphabet[0] = freshWord(taken)
	return s
}

func (s *search) compile(k routingKeys, taken map[string]bool) compiled {
	var c compiled
	for _, p := range k.all {
		c.all = append(c.all, s.add(p, taken))
	}
	for _, p := range k.none {
		c.none = append(c.none, s.add(p, taken))
	}
	return c
}

func (s *search) add(p pattern, taken map[string]bool) int {
	id := patternID(p)
	if at, dup := s.index[id]; dup {
		return at
	}
	s.index[id] = len(s.patterns)
	s.patterns = append(s.patterns, p)
	for _, t := range p {
		if t.Kind == routing.Literal && !taken[t.Word] {
			taken[t.Word] = true
			s.alphabet = append(s.alphabet, t.Word)
		}
	}
	return s.index[id]
}

func freshWord(taken map[string]bool) string {
	w := "any"
	for taken[w] {
		w += "thing"
	}
	return w
}

// patternID distinguishes a literal * from a wildcard, which String does not.
func patternID(p pattern) string {
	var b strings.Builder
	for _, t := range p {
		b.WriteByte("lsh"[t.Kind])
		b.WriteString(t.Word)
		b.WriteByte('.')
	}
	return b.String()
}

func (s *search) run() (string, answer) {
	first := searchState{at: make([]routing.Positions, len(s.patterns))}
	for i, p := range s.patterns {
		first.at[i] = p.Start()
	}
	queue := []searchState{first}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		if s.found(state) {
			return strings.Join(state.key, "."), yes
		}
		for _, word := range s.alphabet {
			next := s.step(state, word)
			if !s.alive(next) || s.visited(next) {
				continue
			}
			if len(s.seen) > maxSearch {
				return "", unknown
			}
			queue = append(queue, next)
		}
	}
	return "", no
}

func (s *search) found(state searchState) bool {
	if state.unwritable() || !s.wanted.holds(state) {
		return false
	}
	for _, o := range s.others {
		if o.holds(state) {
			return false
		}
	}
	return true
}

// unwritable reports whether the state is a single empty word: such a key would be written as "",
// which has no words.
func (s searchState) unwritable() bool { return len(s.key) == 1 && s.key[0] == "" }

func (s *search) step(state searchState, word string) searchState {
	next := searchState{key: append(state.key[:len(state.key):len(state.key)], word),
		at: make([]routing.Positions, len(s.patterns))}
	for i, p := range s.patterns {
		next.at[i] = p.Read(state.at[i], word)
	}
	return next
}

// alive reports whether a longer key can still be in the set.
func (s *search) alive(state searchState) bool {
	for _, i := range s.wanted.all {
		if state.at[i].Dead() {
			return false
		}
	}
	return true
}

func (s *search) visited(state searchState) bool {
	var b strings.Builder
	if state.unwritable() {
		b.WriteByte('x')
	}
	for _, at := range state.at {
		for _, on := range at {
			if on {
				b.WriteByte('1')
			} else {
				b.WriteByte('0')
			}
		}
	}
	id := b.String()
	if s.seen[id] {
		return true
	}
	s.seen[id] = true
	return false
}

func (c compiled) holds(state searchState) bool {
	for _, i := range c.all {
		if !state.at[i].Accepts() {
			return false
		}
	}
	for _, i := range c.none {
		if state.at[i].Accepts() {
			return false
		}
	}
	return true
}
