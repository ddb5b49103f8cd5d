package source

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Pointers returns the JSON Pointer (RFC 6901) of each value of a document by where it is written,
// and of each member's key by where the key is. wanted says for which places; nil: for all.
func (d Document) Pointers(wanted map[diag.Position]bool) map[diag.Position]string {
	w := pointerWriter{wanted: wanted, found: map[diag.Position]string{}}
	if d.Root != nil {
		w.walk(d.Root)
	}
	return w.found
}

// pointerWriter walks a document. way is the pointer of where it is.
type pointerWriter struct {
	wanted map[diag.Position]bool
	found  map[diag.Position]string
	way    []byte
}

func (w *pointerWriter) walk(n *Node) {
	if _, ok := w.found[n.Pos]; !ok {
		w.note(n.Pos)
	}
	here := len(w.way)
	for i, item := range n.Items {
		w.way = strconv.AppendInt(append(w.way, '/'), int64(i), 10)
		w.walk(item)
		w.way = w.way[:here]
	}
	for _, e := range n.Entries {
		w.way = append(append(w.way, '/'), escapePointer(e.Key)...)
		w.note(e.Pos)
		w.walk(e.Value)
		w.way = w.way[:here]
	}
}

func (w *pointerWriter) note(at diag.Position) {
	if w.wanted == nil || w.wanted[at] {
		w.found[at] = string(w.way)
	}
}

func escapePointer(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
