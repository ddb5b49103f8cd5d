package redelivery

import (
	"sync"

	"github.com/msgctl/msgctl/pkg/message"
)

// Confirmed remembers which messages are confirmed while their acknowledgements may still be lost.
// They are then not sent twice if the connection is lost and the broker delivers them again.
//
// The opposite mistake would lose a message: taking it for one that was sent, and acknowledging it
// unsent. The following are therefore never recognized, and are sent again (a duplicate, never a
// loss):
//   - a message that the broker does not call redelivered;
//   - an ambiguous fingerprint, which came up twice without a loss in between: the same bytes and
//     the same death;
//   - a message without message_id, unless originals are kept anyway: an identical message may have
//     been in transit, unseen, when the connection was lost.
//
// It is safe for concurrent use.
type Confirmed struct {
	// keepAll says that originals are kept: confirmed messages come back at every loss, and
	// recognizing one loses nothing.
	keepAll bool

	mu        sync.Mutex
	current   map[uint64]bool // since the last barrier; true when confirmed
	older     map[uint64]bool // confirmed before the barrier that is under way
	returning map[uint64]bool // confirmed before a loss: may come back
	ambiguous bitset
	failed    bitset // since the last loss

	generation int // of barriers and losses
}

// NewConfirmed returns a Confirmed that remembers nothing. keepAll says that originals are kept.
func NewConfirmed(keepAll bool) *Confirmed {
	return &Confirmed{
		keepAll: keepAll, current: map[uint64]bool{}, older: map[uint64]bool{}, returning: map[uint64]bool{},
		ambiguous: make(bitset, bitsetSize/64), failed: make(bitset, bitsetSize/64),
	}
}

// bitset is a set of fingerprints that may report one that was not added. This costs a duplicate
// after a lost connection, nothing else.
type bitset []uint64

const bitsetSize = 1 << 20 // bits: 128 KiB

func (b bitset) has(fingerprint uint64) bool {
	i := fingerprint % bitsetSize
	return b[i/64]&(1<<(i%64)) != 0
}

func (b bitset) add(fingerprint uint64) {
	i := fingerprint % bitsetSize
	b[i/64] |= 1 << (i % 64)
}

// Recognize reports whether the message was confirmed before the last loss, so that only its
// acknowledgement is missing. It returns true once for each confirmed message. It records any other
// message as being worked on.
func (c *Confirmed) Recognize(fingerprint uint64, m *message.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.returning[fingerprint] && m.Redelivered && !c.ambiguous.has(fingerprint) && (c.keepAll || m.MessageID != "") {
		delete(c.returning, fingerprint)
		c.current[fingerprint] = true // its new acknowledgement may get lost as well
		return true
	}
	if c.noteAmbiguous(fingerprint) {
		return false
	}
	c.current[fingerprint] = false
	return false
}

func (c *Confirmed) noteAmbiguous(fingerprint uint64) bool {
	_, again := c.current[fingerprint]
	if again || c.older[fingerprint] || c.failed.has(fingerprint) {
		c.ambiguous.add(fingerprint)
		return true
	}
	return false
}

// NoteUnread records a message that was delivered but not worked on when the connection was lost.
// It matters only if it makes another message ambiguous.
func (c *Confirmed) NoteUnread(fingerprint uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteAmbiguous(fingerprint)
}

// Confirm records that the message has arrived. Call it before its acknowledgement is sent.
func (c *Confirmed) Confirm(fingerprint uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current[fingerprint] = true
}

// Fail forgets a message that stays in its queue, except that an identical message becomes
// ambiguous. After a loss, the message comes again.
func (c *Confirmed) Fail(fingerprint uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.current, fingerprint)
	c.failed.add(fingerprint)
}

// Barrier begins a barrier. Call passed once the broker has applied all acknowledgements sent so
// far: it forgets the messages that were confirmed before Barrier was called. passed does nothing
// if another Barrier or a loss came in between.
func (c *Confirmed) Barrier() (passed func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	generation := c.generation
	working := map[uint64]bool{}
	for fingerprint, confirmed := range c.current {
		if confirmed {
			c.older[fingerprint] = true
		} else {
			working[fingerprint] = false
		}
	}
	c.current = working
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.generation == generation {
			c.older = map[uint64]bool{}
		}
	}
}

// ConnectionLost records that the connection was lost while nothing was in flight: every message
// confirmed since the last barrier may come back. Messages that were not confirmed are treated as
// new when they are delivered again.
func (c *Confirmed) ConnectionLost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range []map[uint64]bool{c.older, c.current} {
		for fingerprint, confirmed := range from {
			if confirmed {
				c.returning[fingerprint] = true
			}
		}
	}
	c.current, c.older = map[uint64]bool{}, map[uint64]bool{}
	clear(c.failed)
	c.generation++
}

// Outstanding returns the number of confirmed messages that may still come back after a loss.
func (c *Confirmed) Outstanding() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.returning)
}

// Reset forgets everything. Call it when all acknowledgements are applied.
func (c *Confirmed) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.older, c.returning = map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
}

// None reports whether no confirmed message can come back: every acknowledgement is applied, or
// there was none.
func (c *Confirmed) None() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, confirmed := range c.current {
		if confirmed {
			return false
		}
	}
	return len(c.older) == 0 && len(c.returning) == 0
}
