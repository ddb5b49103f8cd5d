package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func parseYAML(name string, data []byte) ([]Document, diag.Diagnostics) {
	if marks := countMarks(data); marks > maxMarks {
		return nil, tooMany(name, maxMarks)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []Document
	var problems diag.Diagnostics
	budget := MaxValues
	for {
		var root yaml.Node
		err := decodeYAML(dec, &root)
		if errors.Is(err, io.EOF) {
			return docs, problems
		}
		if err != nil {
			return docs, append(problems, yamlSyntax(name, data, err))
		}
		c := &yamlConverter{file: name, done: map[*yaml.Node]converted{}, budget: budget}
		n := c.node(&root, 0)
		problems = append(problems, c.problems...)
		if c.stopped {
			return docs, problems
		}
		budget -= n.size
		if n.node.Kind != Null {
			docs = append(docs, Document{Root: n.node, Format: YAML})
		}
	}
}

// decodeYAML makes an error of the panics that the parser is known to leave for some malformed
// texts.
func decodeYAML(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return dec.Decode(into)
}

// countMarks counts what may start a value: an upper bound that costs no memory, for a text may
// make the parser use a hundred times its size.
func countMarks(data []byte) int {
	marks := 0
	for i, b := range data {
		switch b {
		case ',', '[', '{', '\n':
			marks++
		case ':', '-', '?':
			if i+1 < len(data) && (data[i+1] == ' ' || data[i+1] == '\t') {
				marks++
			}
		}
	}
	return marks
}

// maxMerged bounds the entries that the merge keys of a file copy: unlike what an alias repeats,
// each takes memory.
const maxMerged = 200_000

// converted is a finished node and how many values it stands for when its aliases are expanded.
type converted struct {
	node *Node
	size int
}

// yamlConverter makes Nodes of yaml.Nodes. An anchored node is converted once and shared by its
// aliases. So a small file of nested aliases ("billion laughs") costs nothing before its expanded
// size is known and refused.
type yamlConverter struct {
	file   string
	done   map[*yaml.Node]converted
	open   []*yaml.Node // anchored nodes whose conversion has begun
	budget int
	// merged counts the entries that merge keys have copied.
	merged   int
	stopped  bool
	problems diag.Diagnostics
}

func (c *yamlConverter) position(y *yaml.Node) diag.Position {
	return diag.Position{File: c.file, Line: y.Line, Column: y.Column}
}

func (c *yamlConverter) fail(y *yaml.Node, message, why, fix string) {
	c.problems = append(c.problems, failure(c.position(y), message, why, fix)...)
}

// stop ends the conversion of the file with one problem.
func (c *yamlConverter) stop(y *yaml.Node, message string) converted {
	if !c.stopped {
		c.stopped = true
		c.problems = append(c.problems, failure(c.position(y), message, "", "")...)
	}
	return converted{node: &Node{Pos: c.position(y)}, size: 1}
}

func (c *yamlConverter) node(y *yaml.Node, depth int) converted {
	if c.stopped {
		return converted{node: &Node{}, size: 1}
	}
	if depth > MaxDepth {
		return c.stop(y, fmt.Sprintf("values nest deeper than %d levels here", MaxDepth))
	}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) > 0 {
			return c.node(y.Content[0], depth)
		}
	case yaml.AliasNode:
		return c.alias(y, depth)
	case yaml.SequenceNode, yaml.MappingNode:
		return c.collection(y, depth)
	case yaml.ScalarNode:
		return converted{node: c.scalar(y), size: 1}
	}
	return converted{node: &Node{Pos: c.position(y)}, size: 1}
}

func (c *yamlConverter) alias(y *yaml.Node, depth int) converted {
	for _, o := range c.open {
		if o == y.Alias {
			return c.stop(y, fmt.Sprintf("the alias *%s is inside what it refers to", y.Value))
		}
	}
	return c.node(y.Alias, depth)
}

func (c *yamlConverter) collection(y *yaml.Node, depth int) converted {
	if y.Anchor != "" {
		if done, ok := c.done[y]; ok {
			return done
		}
		c.open = append(c.open, y)
		defer func() { c.open = c.open[:len(c.open)-1] }()
	}
	var out converted
	if y.Kind == yaml.SequenceNode {
		out = c.sequence(y, depth)
	} else {
		out = c.mapping(y, depth)
	}
	if c.stopped {
		return out
	}
	if y.Anchor != "" {
		c.done[y] = out
	}
	return out
}

func (c *yamlConverter) sequence(y *yaml.Node, depth int) converted {
	n, size := &Node{Kind: Sequence, Pos: c.position(y), Items: make([]*Node, 0, len(y.Content))}, 1
	for _, item := range y.Content {
		v := c.node(item, depth+1)
		n.Items = append(n.Items, v.node)
		if size = c.within(y, size+v.size); c.stopped {
			break
		}
	}
	return converted{node: n, size: size}
}

func (c *yamlConverter) mapping(y *yaml.Node, depth int) converted {
	n, size := &Node{Kind: Mapping, Pos: c.position(y), Entries: make([]Entry, 0, len(y.Content)/2)}, 1
	var merged []*Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		v := c.node(y.Content[i+1], depth+1)
		if size = c.within(y, size+v.size); c.stopped {
			return converted{node: n, size: size}
		}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, c.mergeSources(key, v.node)...)
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			c.fail(key, "a key must be a string, not a list or mapping", "",
				`an unquoted { or [ starts one: put quotes around the key`)
			continue
		}
		n.Entries = append(n.Entries, Entry{Key: key.Value, Pos: c.position(y.Content[i]), Value: v.node})
	}
	c.problems = append(c.problems, dropDuplicates(n)...)
	before := len(n.Entries)
	n.addMissing(merged, maxMerged-c.merged)
	if c.merged += len(n.Entries) - before; c.merged > maxMerged {
		c.stop(y, fmt.Sprintf("merge keys (<<) copy more than %d values", maxMerged))
	}
	return converted{node: n, size: size}
}

// within returns the size, and stops the conversion when it is over the budget: as soon as that
// much is expanded, not when all of it is.
func (c *yamlConverter) within(y *yaml.Node, size int) int {
	if size > c.budget {
		c.stop(y, fmt.Sprintf("with its aliases expanded, this has more than %d values", c.budget))
	}
	return min(size, MaxValues+1)
}

// mergeSources returns the mappings that "<<" names, in order of precedence.
func (c *yamlConverter) mergeSources(key *yaml.Node, v *Node) []*Node {
	sources := []*Node{v}
	if v.Kind == Sequence {
		sources = v.Items
	}
	for _, s := range sources {
		if s.Kind != Mapping {
			c.fail(key, "<< merges mappings only, not "+s.Kind.String(), "",
				"<<: *anchor, where the anchor stands before a mapping")
			return nil
		}
	}
	return sources
}

// addMissing adds the keys of the sources that n and earlier sources do not have: the merge key of
// YAML 1.1. It adds one more than the maximum at most.
func (n *Node) addMissing(sources []*Node, maximum int) {
	if len(sources) == 0 {
		return
	}
	have := make(map[string]bool, len(n.Entries))
	for _, e := range n.Entries {
		have[e.Key] = true
	}
	for _, s := range sources {
		for _, e := range s.Entries {
			if !have[e.Key] && maximum >= 0 {
				maximum--
				have[e.Key] = true
				n.Entries = append(n.Entries, e)
			}
		}
	}
}

func (c *yamlConverter) scalar(y *yaml.Node) *Node {
	n := &Node{Kind: String, Pos: c.position(y), Text: y.Value}
	n.resolve(y)
	return n
}

// resolve sets the kind and value that YAML gives a scalar. What msgctl has no kind for
// (timestamps, !!binary, tags of its own) stays a string.
func (n *Node) resolve(y *yaml.Node) {
	var err error
	switch y.ShortTag() {
	case "!!null":
		n.Kind, n.Implicit = Null, y.Value == ""
	case "!!bool":
		var b bool
		if err = y.Decode(&b); err == nil {
			n.Kind, n.scalar = Bool, b
		}
	case "!!int":
		var i int64
		if err = y.Decode(&i); err == nil {
			n.Kind, n.scalar = Int, i
			break
		}
		fallthrough
	case "!!float":
		var f float64
		if err = y.Decode(&f); err == nil {
			n.Kind, n.scalar = Float, f
		}
	}
}
