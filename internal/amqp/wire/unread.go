package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/msgctl/msgctl/pkg/message"
)

// unreadHeader is the name of the header with which a Frames marks a message whose body it does not
// pass on. Like noteHeader, it never leaves the process and has a random name.
var unreadHeader = "msgctl-unread-" + rand.Text()

// hugest is the largest body that a broker can be expected to send, in bytes (fact
// max-message-size). It leaves room for brokers that are configured beyond what is documented.
const hugest = 16 << 30

func tooLarge(size, limit int64) string {
	return fmt.Sprintf("its body has %d bytes, more than the %d that are read", size, limit)
}

// undecodable returns why the library cannot decode a content header, or nil if it can. The body is
// then not to be passed on.
func (g *guard) undecodable(channel uint16, payload []byte) *message.Unread {
	h, ok := parseHeader(payload)
	if !ok {
		return nil
	}
	room := maxEntries
	if h.needsNote() {
		room--
	}
	_, why := readable(h.parts[headersIndex], room)
	if why == "" {
		return nil
	}
	return g.leaveOut(channel, why)
}

// leaveOut records that the announced body is not to be passed on.
func (g *guard) leaveOut(channel uint16, why string) *message.Unread {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.channel(channel)
	c.unread = true
	return &message.Unread{Size: int64(c.body), Why: why}
}

// hugeHeader leaves out a content header over headerLimit: the library gets one without properties
// in its place, with only the offset in a stream, and none of the body.
func (f *Frames) hugeHeader(channel uint16, whole int64) error {
	frame, err := f.in.Peek(frameHead + payloadHead)
	if err != nil {
		return f.rest(err)
	}
	payload := bytes.Clone(frame[frameHead:])
	u, err := f.guard.announced(channel, binary.BigEndian.Uint64(payload[4:]))
	if err != nil {
		return f.violate(err)
	}
	if u == nil {
		u = f.guard.leaveOut(channel, fmt.Sprintf("its headers have %d bytes, more than the %d that are read", whole,
			headerLimit))
	}
	u.Partial = true
	in := &io.LimitedReader{R: f.in, N: whole}
	offset := offsetIn(in)
	if payload[payloadHead-2], payload[payloadHead-1] = 0, 0; offset != nil {
		payload[payloadHead-2] = headersFlag >> 8
		payload = append(binary.BigEndian.AppendUint32(payload, uint32(len(offset))), offset...)
	}
	if payload, err = f.guard.withMark(payload, u); err != nil {
		return f.violate(err)
	}
	f.ready, f.skip = frameOf(frameHeader, channel, payload), in.N
	return nil
}

// offsetIn returns the header with the offset in a stream from the frame of a content header, or nil
// if there is none. It reads the frame up to there.
func offsetIn(in io.Reader) (entry []byte) {
	var err error
	read := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(in, b)
		}
		return b
	}
	size := func() int64 { return int64(binary.BigEndian.Uint32(read(4))) }
	skip := func(n int64) {
		if err == nil {
			_, err = io.CopyN(io.Discard, in, n)
		}
	}
	head := read(frameHead + payloadHead)
	flags := binary.BigEndian.Uint16(head[len(head)-2:])
	for _, before := range []message.PropertySet{message.ContentTypeProperty, message.ContentEncodingProperty} {
		if message.PropertySet(flags).Has(before) {
			skip(int64(read(1)[0]))
		}
	}
	if flags&headersFlag == 0 {
		return nil
	}
	in = io.LimitReader(in, size())
	for err == nil {
		n := read(1)
		name := read(int(n[0]))
		kind := read(1)
		if string(name) == message.HeaderStreamOffset && kind[0] == 'l' {
			value := read(valueSizes['l'])
			if err != nil {
				return nil
			}
			return bytes.Join([][]byte{n, name, kind, value}, nil)
		}
		if fixed, ok := valueSizes[kind[0]]; ok {
			skip(int64(fixed))
		} else {
			skip(size())
		}
	}
	return nil
}

// onlyOffset returns the field table of a content header with only the offset in a stream, or nil if
// there is none. The library can decode the table.
func onlyOffset(table []byte) []byte {
	for at := 4; at < len(table); {
		name, size, _ := entrySize(table[at:])
		if string(name) == message.HeaderStreamOffset {
			return append(binary.BigEndian.AppendUint32(nil, uint32(size)), table[at:at+size]...)
		}
		at += size
	}
	return nil
}

// withMark returns the payload of a content header for a message without a body, with a mark in its
// headers, and without the headers that the library cannot decode. If the others leave no room for
// the mark in a frame, it omits them, too, except the offset in a stream.
func (g *guard) withMark(payload []byte, u *message.Unread) ([]byte, error) {
	h, ok := parseHeader(payload)
	if !ok {
		return nil, &Violation{What: "properties that cannot be read"}
	}
	h.head = binary.BigEndian.AppendUint64(append([]byte(nil), payload[:4]...), 0)
	whole, fault := readable(h.parts[headersIndex], maxEntries-3) // with an offset, the mark and a note
	why := u.Why
	u.Partial = u.Partial || fault != ""
	for _, table := range [][]byte{whole, onlyOffset(whole)} {
		if u.Partial = u.Partial || len(table) < len(whole); u.Partial {
			u.Why = why + "; not all of its headers were read"
		}
		h.set(headersIndex, appendText(table, unreadHeader, markOf(u), u.Why))
		marked := h.append(nil)
		// A note may be added, too: see noted.
		if g.fits(len(marked) + len(noteHeader) + maxNote + frameHead + 1) {
			return marked, nil
		}
	}
	return nil, &Violation{What: fmt.Sprintf("a message of %d bytes with properties that fill a frame", u.Size)}
}

// markHead is the size of what markOf returns.
const markHead = 8 + 1

func markOf(u *message.Unread) []byte {
	mark := binary.BigEndian.AppendUint64(nil, uint64(u.Size))
	var bits byte
	if u.TooLarge {
		bits |= 1
	}
	if u.Partial {
		bits |= 2
	}
	return append(mark, bits)
}

// TakeUnread removes the mark of a message whose body was not passed on from headers, and returns
// what it says. It returns nil if there is none.
func TakeUnread(headers map[string]any) *message.Unread {
	mark, ok := headers[unreadHeader].(string)
	if !ok || len(mark) < markHead {
		return nil
	}
	delete(headers, unreadHeader)
	return &message.Unread{Size: int64(binary.BigEndian.Uint64([]byte(mark))), TooLarge: mark[markHead-1]&1 != 0,
		Partial: mark[markHead-1]&2 != 0, Why: mark[markHead:]}
}
