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

// withMark returns the payload of a content header for a message without a body, with a mark in its
// headers. If the headers leave no room for the mark in a frame, it omits them.
func (g *guard) withMark(payload []byte, u *message.Unread) ([]byte, error) {
	h, ok := parseHeader(payload)
	if !ok {
		return nil, &Violation{What: "properties that cannot be read"}
	}
	h.head = binary.BigEndian.AppendUint64(append([]byte(nil), payload[:4]...), 0)
	whole := h.parts[headersIndex]
	for _, table := range [][]byte{whole, nil} {
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
	if u.TooLarge {
		return append(mark, 1)
	}
	return append(mark, 0)
}

// TakeUnread removes the mark of a message whose body was not passed on from headers, and returns
// what it says. It returns nil if there is none.
func TakeUnread(headers map[string]any) *message.Unread {
	mark, ok := headers[unreadHeader].(string)
	if !ok || len(mark) < markHead {
		return nil
	}
	delete(headers, unreadHeader)
	return &message.Unread{Size: int64(binary.BigEndian.Uint64([]byte(mark))), TooLarge: mark[markHead-1] == 1,
		Why: mark[markHead:]}
}
