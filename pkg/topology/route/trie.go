package route

// trie finds the bindings of a topic exchange that match a key, without visiting the others.
type trie struct{ root trieNode }

// trieNode is the node that the words of a binding key lead to. A # node (hash) consumes any number
// of words.
type trieNode struct {
	words    map[string]*trieNode
	one, any *trieNode
	hash     bool
	ends     []int
}

// add adds a binding with that key.
func (t *trie) add(key string, binding int) {
	at := &t.root
	for _, token := range Topic(key) {
		at = at.child(token)
	}
	at.ends = append(at.ends, binding)
}

func (n *trieNode) child(t Token) *trieNode {
	switch t.Kind {
	case OneWord:
		if n.one == nil {
			n.one = &trieNode{}
		}
		return n.one
	case AnyWords:
		if n.hash {
			return n // #.# matches the same as #
		}
		if n.any == nil {
			n.any = &trieNode{hash: true}
		}
		return n.any
	}
	if n.words == nil {
		n.words = map[string]*trieNode{}
	}
	if n.words[t.Word] == nil {
		n.words[t.Word] = &trieNode{}
	}
	return n.words[t.Word]
}

// match calls found with every binding whose key matches. It reads the key word by word and keeps
// the set of active nodes, so each word takes time at most proportional to the number of nodes.
func (t *trie) match(key string, found func(binding int)) {
	at := nodeSet{}
	at.add(&t.root)
	for _, word := range Words(key) {
		next := nodeSet{}
		for _, n := range at.list {
			if n.hash {
				next.add(n)
			}
			if n.one != nil {
				next.add(n.one)
			}
			if c := n.words[word]; c != nil {
				next.add(c)
			}
		}
		at = next
	}
	for _, n := range at.list {
		for _, b := range n.ends {
			found(b)
		}
	}
}

// nodeSet is a set of nodes, in insertion order.
type nodeSet struct {
	list []*trieNode
	seen map[*trieNode]bool // from fewNodes on
}

const fewNodes = 8

// add adds a node and the # node below it, which is reached without a word.
func (s *nodeSet) add(n *trieNode) {
	for ; n != nil && !s.has(n); n = n.any {
		s.list = append(s.list, n)
		if s.seen != nil {
			s.seen[n] = true
		}
	}
}

func (s *nodeSet) has(n *trieNode) bool {
	if s.seen != nil {
		return s.seen[n]
	}
	for _, m := range s.list {
		if m == n {
			return true
		}
	}
	if len(s.list) >= fewNodes {
		s.seen = make(map[*trieNode]bool, 2*fewNodes)
		for _, m := range s.list {
			s.seen[m] = true
		}
	}
	return false
}
