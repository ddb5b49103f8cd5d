package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/msgctl/msgctl/pkg/message"
)

const (
	// maxDepth is how deep tables and arrays may be nested in a header for the library to read them.
	maxDepth = 32
	// maxEntries is how many entries the library reads of one table or array.
	maxEntries = 8192
)

// valueSizes are the sizes of the values of a field table, by their type, in bytes. Those of the
// types S, x, F and A begin with their size.
var valueSizes = map[byte]int{'t': 1, 'b': 1, 'B': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'f': 4, 'l': 8, 'd': 8, 'T': 8,
	'D': 5, 'V': 0}

// readable returns the field table of a content header without the entries that the library cannot
// decode, and why it cannot: "" if it can decode all of them. room is how many entries the result
// may have at most, besides the offset in a stream, which is always kept. The library ends the
// connection at what it cannot decode.
func readable(table []byte, room int) (kept []byte, why string) {
	if len(table) <= 4 {
		return table, ""
	}
	kept = table
	for at, n := 4, 0; at < len(table); {
		name, size, fault := entrySize(table[at:])
		keep := fault == "" && (n < room || string(name) == message.HeaderStreamOffset)
		if fault == "" && n >= room {
			fault = fmt.Sprintf("it has more than the %d headers that the AMQP library reads", room)
		}
		end := min(at+size, len(table))
		if fault != "" && why == "" {
			why, kept = fault, bytes.Clone(table[:at])
		}
		if keep && why != "" {
			kept = append(kept, table[at:end]...)
		}
		if keep {
			n++
		}
		at = end
	}
	if why != "" {
		binary.BigEndian.PutUint32(kept, uint32(len(kept)-4))
	}
	return kept, why
}

// entrySize is valueSize for an entry of the header table, with its name.
func entrySize(b []byte) (name []byte, size int, fault string) {
	name, value, ok := cutName(b)
	if !ok {
		return nil, len(b) + 1, "its headers are no AMQP table"
	}
	size, fault = valueSize(value, 0)
	if fault != "" {
		fault = fmt.Sprintf("its header %q %s", name, fault)
	}
	return name, len(b) - len(value) + size, fault
}

// cutName splits the entries of a table after the first name.
func cutName(entries []byte) (name, value []byte, ok bool) {
	end := 1 + int(entries[0])
	if end > len(entries) {
		return nil, nil, false
	}
	return entries[1:end], entries[end:], true
}

// valueSize returns the size of the value with which b begins, with its type, and why the library
// cannot decode it. If the end of the value is not known, the size exceeds the length of b. depth is
// the number of tables and arrays around it.
func valueSize(b []byte, depth int) (size int, fault string) {
	cut := len(b) + 1
	if len(b) == 0 {
		return cut, "has no value"
	}
	kind := b[0]
	if size, ok := valueSizes[kind]; ok {
		if 1+size > len(b) {
			return cut, "is cut off"
		}
		return 1 + size, ""
	}
	if kind != 'S' && kind != 'x' && kind != 'F' && kind != 'A' {
		return cut, fmt.Sprintf("has a value of the type %q, which the AMQP library does not know", kind)
	}
	if len(b) < 5 || int64(binary.BigEndian.Uint32(b[1:])) > int64(len(b)-5) {
		return cut, "is cut off"
	}
	size = 5 + int(binary.BigEndian.Uint32(b[1:]))
	if kind == 'F' || kind == 'A' {
		fault = containerFault(kind, b[5:size], depth+1)
	}
	return size, fault
}

// containerFault returns why the library cannot decode a table or an array with these entries, or
// "".
func containerFault(kind byte, entries []byte, depth int) string {
	if depth > maxDepth {
		return fmt.Sprintf("is nested deeper than the %d levels that the AMQP library reads", maxDepth)
	}
	for n := 0; len(entries) > 0; n++ {
		if n == maxEntries {
			return fmt.Sprintf("has a table or an array of more than the %d entries that the AMQP library reads", maxEntries)
		}
		if kind == 'F' {
			_, value, ok := cutName(entries)
			if !ok {
				return "is cut off"
			}
			entries = value
		}
		size, fault := valueSize(entries, depth)
		if fault != "" {
			return fault
		}
		entries = entries[size:]
	}
	return ""
}
