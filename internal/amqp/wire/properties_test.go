package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/msgctl/msgctl/pkg/message"
)

// headerOf makes the payload of a content header from parts that are written by hand.
func headerOf(flags uint16, parts ...string) []byte {
	out := binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, 5)
	out = binary.BigEndian.AppendUint16(out, flags)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// FuzzNotes: a header is noted, and comes back byte for byte. What is no header is left alone. What
// is left of headers that cannot be decoded can be.
func FuzzNotes(f *testing.F) {
	f.Add(headerOf(1<<11, "\x00"))                                                    // priority 0
	f.Add(headerOf(1<<15|1<<13|1<<2, "\x00", "\x00\x00\x00\x04\x01aV\x00", "\x02c1")) // content type, headers, cluster id
	f.Add(headerOf(1<<13|1<<12|1<<6, "\x00\x00\x00\x03\x01aV", "\x02", "\xff\xff\xff\xf1\x88\x6e\x09\x00"))
	f.Add(headerOf(1<<2, "\x00"))
	f.Add(headerOf(1<<13, "\x00\x00\x00\x0d\x01aV\x01bL\x01cV\x01dF\x00"))
	f.Add(headerOf(1<<13, "\x00\x00\x00\x0f\x01aV\x01bV\x01cV\x01dV\x01ex"))
	f.Add(headerOf(1<<13|1<<11, "\x00\x00\x00\x00", "\x00"))
	f.Add(headerOf(1, "x"))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		given := bytes.Clone(payload)
		h, _ := parseHeader(payload)
		kept, why := readable(h.parts[headersIndex], 3)
		if again, fault := readable(bytes.Clone(kept), 4); fault != "" || !bytes.Equal(again, kept) ||
			why == "" && !bytes.Equal(kept, h.parts[headersIndex]) {
			t.Fatalf("% x\nbecame % x (%s)\nand then % x (%s)", h.parts[headersIndex], kept, why, again, fault)
		}
		changed, ok := noted(payload)
		if !bytes.Equal(given, payload) {
			t.Fatal("the original was changed")
		}
		if !ok {
			return
		}
		back, ok := unnoted(changed)
		if string(h.parts[headersIndex]) == "\x00\x00\x00\x00" {
			return // an empty table of headers is the same as none
		}
		if !ok || !bytes.Equal(back, payload) {
			t.Fatalf("% x\nbecame % x\nand then % x", payload, changed, back)
		}
	})
}

// TestNotesTellTheMessage: what is noted is what the message says.
func TestNotesTellTheMessage(t *testing.T) {
	p := message.Properties{ClusterID: "c1", Explicit: message.PriorityProperty | message.TypeProperty}
	headers := message.Table{"a": 1}
	with := AddNote(headers, &p)
	if len(headers) != 1 || len(with) != 2 {
		t.Fatal(headers, with)
	}
	var got message.Properties
	if TakeNote(with, &got); got != p || len(with) != 1 {
		t.Errorf("%+v, %v", got, with)
	}
	if same := AddNote(headers, &message.Properties{}); len(same) != 1 {
		t.Errorf("%v", same)
	}
}
