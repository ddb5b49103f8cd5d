package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/jsonsyntax"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// jsonReader walks the tokens of a JSON text. The decoder knows offsets, the cursor makes lines and
// columns of them.
type jsonReader struct {
	dec      *json.Decoder
	data     []byte
	cursor   *cursor
	values   int
	problems diag.Diagnostics
}

// errLimit ends the walk when the problem has been recorded already.
var errLimit = errors.New("limit exceeded")

func parseJSON(name string, data []byte) (*Node, diag.Diagnostics) {
	if marks := bytes.Count(data, []byte(",")) + bytes.Count(data, []byte("[")) +
		bytes.Count(data, []byte("{")); marks > MaxValues {
		return nil, tooMany(name, MaxValues)
	}
	r := &jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data, cursor: newCursor(name, data)}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err == nil {
		end := len(data) - len(bytes.TrimLeft(data[r.dec.InputOffset():], " \t\r\n"))
		if end < len(data) {
			return nil, failure(r.cursor.at(end), "there is more text after the end of the JSON value", "",
				"remove it, or put it into a file of its own")
		}
		return root, r.problems
	}
	if !errors.Is(err, errLimit) {
		at, message := jsonsyntax.Explain(data)
		r.problems = append(r.problems, failure(r.cursor.at(at), message, "", "")...)
	}
	return nil, r.problems
}

// start is the offset where the next token begins.
func (r *jsonReader) start() int {
	i := int(r.dec.InputOffset())
	for i < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[i]) >= 0 {
		i++
	}
	return i
}

func (r *jsonReader) value(depth int) (*Node, error) {
	pos := r.cursor.at(r.start())
	if r.values++; r.values > MaxValues {
		return nil, r.limit(pos, fmt.Sprintf("the file has more than %d values", MaxValues), "")
	}
	if depth > MaxDepth {
		return nil, r.limit(pos, fmt.Sprintf("values nest deeper than %d levels here", MaxDepth), "")
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(pos, depth)
		}
		return r.array(pos, depth)
	case string:
		return &Node{Kind: String, Pos: pos, Text: t}, nil
	case bool:
		return &Node{Kind: Bool, Pos: pos, Text: fmt.Sprint(t), scalar: t}, nil
	case json.Number:
		return jsonNumber(pos, t), nil
	}
	return &Node{Kind: Null, Pos: pos, Text: "null"}, nil
}

func (r *jsonReader) limit(at diag.Position, message, fix string) error {
	r.problems = append(r.problems, failure(at, message, "", fix)...)
	return errLimit
}

func jsonNumber(pos diag.Position, t json.Number) *Node {
	if i, err := t.Int64(); err == nil {
		return &Node{Kind: Int, Pos: pos, Text: t.String(), scalar: i}
	}
	f, _ := t.Float64()
	return &Node{Kind: Float, Pos: pos, Text: t.String(), scalar: f}
}

func (r *jsonReader) array(pos diag.Position, depth int) (*Node, error) {
	n := &Node{Kind: Sequence, Pos: pos}
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	_, err := r.dec.Token()
	return n, err
}

func (r *jsonReader) object(pos diag.Position, depth int) (*Node, error) {
	n := &Node{Kind: Mapping, Pos: pos}
	for r.dec.More() {
		at := r.cursor.at(r.start())
		tok, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := tok.(string)
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Entries = append(n.Entries, Entry{Key: key, Pos: at, Value: v})
	}
	if _, err := r.dec.Token(); err != nil {
		return nil, err
	}
	r.problems = append(r.problems, dropDuplicates(n)...)
	return n, nil
}

// dropDuplicates keeps the first of equal keys and reports the others.
func dropDuplicates(n *Node) diag.Diagnostics {
	if len(n.Entries) < 2 {
		return nil
	}
	if len(n.Entries) <= fewEntries && !n.hasDuplicates() {
		return nil
	}
	var problems diag.Diagnostics
	first := make(map[string]diag.Position, len(n.Entries))
	kept := n.Entries[:0]
	for _, e := range n.Entries {
		if at, dup := first[e.Key]; dup {
			problems = append(problems, failure(e.Pos, fmt.Sprintf("%q appears twice in one mapping, first at %s", e.Key, at),
				"a parser keeps one of the two and drops the other without a word", "merge the two, or rename one")...)
			continue
		}
		first[e.Key] = e.Pos
		kept = append(kept, e)
	}
	n.Entries = kept
	return problems
}

// fewEntries is how many keys are compared with each other sooner than they are put into a map.
const fewEntries = 8

func (n *Node) hasDuplicates() bool {
	for i := range n.Entries {
		for j := range i {
			if n.Entries[i].Key == n.Entries[j].Key {
				return true
			}
		}
	}
	return false
}
