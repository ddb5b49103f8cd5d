package source

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Pointers returns the JSON Pointer (RFC 6901) of each value of a document by where it is written, and of each member's key by where the key is.
func (d Document) Pointers() map[diag.Position]string {
	all := map[diag.Position]string{}
	var walk func(n *Node, pointer string)
	walk = func(n *Node, pointer string) {
		if _, ok := all[n.Pos]; !ok {
			all[n.Pos] = pointer
		}
		for i, item := range n.Items {
			walk(item, pointer+"/"+strconv.Itoa(i))
		}
		for _, e := range n.Entries {
			to := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(e.Key)
			all[e.Pos] = to
			walk(e.Value, to)
		}
	}
	if d.Root != nil {
		walk(d.Root, "")
	}
	return all
}
