package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"

	"github.com/msgctl/msgctl/pkg/message"
)

// noteHeader is the name of the header with which a Frames and its user tell each other what the
// client library cannot express. The header never leaves the process. Its name is random, so no
// message from outside has it.
var noteHeader = "msgctl-note-" + rand.Text()

// noteType is the type of the header's value: a long string.
const noteType = 'S'

const (
	headersFlag = 1 << 13
	// reservedFlags are the flags that no property has. The last one announces more flags.
	reservedFlags = 1<<2 - 1
	// payloadHead is the size of a content header before its properties: class, weight, size,
	// flags.
	payloadHead = 2 + 2 + 8 + 2
	// zeroTimestamp is Go's zero time in Unix seconds. The library takes it for an absent
	// timestamp.
	zeroTimestamp = -62135596800
)

// AddNote returns headers with a note of the properties that the client library would omit. It
// returns headers itself if there are none. It does not note a delivery mode of 0: AMQP defines
// only 1 and 2 (fact delivery-mode-zero).
func AddNote(headers message.Table, p *message.Properties) message.Table {
	set := p.Explicit &^ message.DeliveryModeProperty
	if set == 0 && p.ClusterID == "" {
		return headers
	}
	out := make(message.Table, len(headers)+1)
	for name, v := range headers {
		out[name] = v
	}
	if p.ClusterID != "" {
		set |= message.ClusterIDProperty
	}
	out[noteHeader] = string(binary.BigEndian.AppendUint16(nil, uint16(set))) + p.ClusterID
	return out
}

// TakeNote removes the note from headers, if there is one, and sets in p what it says.
func TakeNote(headers map[string]any, p *message.Properties) {
	note, ok := headers[noteHeader].(string)
	if !ok || len(note) < 2 {
		return
	}
	delete(headers, noteHeader)
	p.ClusterID = note[2:]
	p.Explicit = message.PropertySet(binary.BigEndian.Uint16([]byte(note)))
	if p.ClusterID != "" {
		p.Explicit &^= message.ClusterIDProperty
	}
}

// header is the payload of a content header frame, split into its parts. The parts share its
// memory.
type header struct {
	head  []byte     // class, weight, body size
	flags uint16     // those of the parts that are there
	parts [14][]byte // by their flags, from the highest; the headers with their length
}

// parseHeader splits the payload of a content header frame. It returns false for unknown flags, and
// for a payload that is too short or too long.
func parseHeader(payload []byte) (h header, ok bool) {
	if len(payload) < payloadHead {
		return h, false
	}
	h.head, h.flags = payload[:payloadHead-2], binary.BigEndian.Uint16(payload[payloadHead-2:])
	if h.flags&reservedFlags != 0 {
		return h, false
	}
	rest := payload[payloadHead:]
	for i := range h.parts {
		flag := uint16(1) << (15 - i)
		if h.flags&flag == 0 {
			continue
		}
		n := partSize(flag, rest)
		if n > len(rest) {
			return h, false
		}
		h.parts[i], rest = rest[:n], rest[n:]
	}
	return h, len(rest) == 0
}

// partSize returns the size of the property with which b begins. If b is too short, the result
// exceeds the length of b.
func partSize(flag uint16, b []byte) int {
	switch {
	case message.PropertySet(flag) == message.DeliveryModeProperty, message.PropertySet(flag) == message.PriorityProperty:
		return 1
	case message.PropertySet(flag) == message.TimestampProperty:
		return 8
	case flag == headersFlag && len(b) < 4, len(b) < 1:
		return len(b) + 1
	case flag == headersFlag:
		return 4 + int(binary.BigEndian.Uint32(b))
	}
	return 1 + int(b[0])
}

func (h *header) append(to []byte) []byte {
	to = append(to, h.head...)
	to = binary.BigEndian.AppendUint16(to, h.flags)
	for _, p := range h.parts {
		to = append(to, p...)
	}
	return to
}

func (h *header) set(i int, part []byte) {
	h.parts[i] = part
	h.flags |= 1 << (15 - i)
}

// zeros returns the properties that are present with a value that the library takes for absent.
func (h *header) zeros() (set uint16) {
	for i, p := range h.parts {
		flag := uint16(1) << (15 - i)
		if h.flags&flag == 0 || flag == headersFlag {
			continue
		}
		zero := p[0] == 0
		if message.PropertySet(flag) == message.TimestampProperty {
			zero = int64(binary.BigEndian.Uint64(p)) == zeroTimestamp
		}
		if zero {
			set |= flag
		}
	}
	return set
}

// needsNote reports whether there is something that the library would not report.
func (h *header) needsNote() bool { return h.zeros() != 0 || len(h.parts[clusterIndex]) > 0 }

const (
	headersIndex = 2
	clusterIndex = 13
)

// noted returns the payload of a content header with a note of what the library would not report.
// It returns false if no note is needed.
func noted(payload []byte) ([]byte, bool) {
	h, ok := parseHeader(payload)
	if !ok {
		return nil, false
	}
	if !h.needsNote() {
		return nil, false
	}
	set, cluster := h.zeros(), h.parts[clusterIndex]
	var id string
	if len(cluster) > 0 {
		id = string(cluster[1:])
	}
	table := appendText(h.parts[headersIndex], noteHeader,
		binary.BigEndian.AppendUint16(nil, set|h.flags&uint16(message.ClusterIDProperty)), id)
	h.set(headersIndex, table)
	return h.append(nil), true
}

// maxNote is the most bytes that noted adds to a content header, besides the name.
const maxNote = 4 + 1 + 1 + 4 + 2 + 255

// appendText returns the field table of a content header with a further header, whose value is a
// long string: head and text. table is nil if there are no headers.
func appendText(table []byte, name string, head []byte, text string) []byte {
	out := make([]byte, 4, len(table)+4+len(name)+6+len(head)+len(text))
	if len(table) > 4 {
		out = append(out, table[4:]...)
	}
	out = append(append(out, byte(len(name))), name...)
	out = binary.BigEndian.AppendUint32(append(out, noteType), uint32(len(head)+len(text)))
	out = append(append(out, head...), text...)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// unnoted returns the payload of a content header without its note, and with the properties that
// the note lists. It returns false if there is no note.
func unnoted(payload []byte) ([]byte, bool) {
	if !bytes.Contains(payload, []byte(noteHeader)) {
		return nil, false
	}
	h, ok := parseHeader(payload)
	old := h.parts[headersIndex]
	begin := bytes.Index(old, []byte(noteHeader)) - 1 // with the length of the name
	if !ok || begin < 4 {
		return nil, false
	}
	note := old[begin+1+len(noteHeader)+1:] // behind its type
	size := int(binary.BigEndian.Uint32(note))
	set, cluster := binary.BigEndian.Uint16(note[4:]), note[6:4+size]
	table := append(make([]byte, 0, len(old)), old[:begin]...)
	table = append(table, note[4+size:]...)
	binary.BigEndian.PutUint32(table, uint32(len(table)-4))
	if h.set(headersIndex, table); len(table) == 4 {
		h.parts[headersIndex] = nil
		h.flags &^= headersFlag
	}
	h.restore(set, cluster)
	return h.append(nil), true
}

// restore adds the properties in set that are absent.
func (h *header) restore(set uint16, cluster []byte) {
	for i := range h.parts {
		flag := uint16(1) << (15 - i)
		if set&flag == 0 || h.flags&flag != 0 || flag == headersFlag {
			continue
		}
		switch {
		case i == clusterIndex:
			h.set(i, append([]byte{byte(len(cluster))}, cluster...))
		case message.PropertySet(flag) == message.TimestampProperty:
			first := int64(zeroTimestamp)
			h.set(i, binary.BigEndian.AppendUint64(nil, uint64(first)))
		default:
			h.set(i, []byte{0})
		}
	}
}
