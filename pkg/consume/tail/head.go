package tail

import (
	"crypto/sha256"
	"maps"
	"strconv"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// Head finds the messages at the head of a queue that the previous look did not see. It must be
// used from one goroutine. Its memory is limited to two looks.
type Head struct {
	before, now map[[sha256.Size]byte]int
	line        []byte
}

// Begin starts a new look.
func (h *Head) Begin() { h.before, h.now = h.now, map[[sha256.Size]byte]int{} }

// New reports whether the previous look did not see a message. Identical messages are told apart by
// their number.
func (h *Head) New(m *message.Message) bool {
	key := h.key(m)
	h.now[key]++
	return h.now[key] > h.before[key]
}

// key returns a hash of everything that a look does not change.
func (h *Head) key(m *message.Message) [sha256.Size]byte {
	c := *m
	c.Redelivered = false
	if c.Unread != nil { // all that is known of the body is its size
		c.Body, c.Unread = strconv.AppendInt(nil, c.Unread.Size, 10), nil
	}
	if _, counted := c.Headers[message.HeaderDeliveryCount]; counted || c.Headers[message.HeaderAcquiredCount] != nil {
		c.Headers = maps.Clone(c.Headers)
		delete(c.Headers, message.HeaderDeliveryCount)
		delete(c.Headers, message.HeaderAcquiredCount)
	}
	line, err := archive.AppendLine(h.line[:0], &c)
	if err != nil { // an archive cannot hold this header: compare the rest
		c.Headers = nil
		line, _ = archive.AppendLine(h.line[:0], &c)
	}
	h.line = line
	return sha256.Sum256(line)
}
