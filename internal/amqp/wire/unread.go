package wire

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

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

// withMark returns the payload of a content header for a message without a body, with a mark in its
// headers, and without the headers that the library cannot decode. If the others leave no room for
// the mark in a frame, it omits them, too.
func (g *guard) withMark(payload []byte, u *message.Unread) ([]byte, error) {
	h, ok := parseHeader(payload)
	if !ok {
		return nil, &Violation{What: "properties that cannot be read"}
	}
	h.head = binary.BigEndian.AppendUint64(append([]byte(nil), payload[:4]...), 0)
	whole, why := readable(h.parts[headersIndex], maxEntries-3) // with an offset, the mark and a note
	u.Partial = u.Partial || why != ""
	for _, table := range [][]byte{whole, nil} {
		u.Partial = u.Partial || len(table) < len(whole)
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
