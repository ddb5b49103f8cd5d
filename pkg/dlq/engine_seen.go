package dlq

import (
	"sync"

	"github.com/msgctl/msgctl/pkg/message"
)

// twinBits is the size of the filter that remembers which fingerprints came up twice: 128 KiB. A
// false hit costs a duplicate after a lost connection, nothing else.
const twinBits = 1 << 20

// seen remembers which messages are confirmed while their acknowledgement may still be lost, so
// that they are not sent twice when the connection breaks and the broker hands them out again.
//
// The danger is the opposite mistake: to take a message for one that was sent and acknowledge it
// unsent. So a fingerprint that came up twice without a loss in between (twins: the same bytes, the
// same death) is never recognised again, nor is a message that the broker does not call
// redelivered. Nor, unless originals are kept anyway, is one without message_id: a twin of it may
// have been on its way to us, unseen, when the connection broke. Those are sent again: a duplicate,
// never a loss.
//
// It is safe for concurrent use.
type seen struct {
	keepAll bool // originals are kept: confirmed messages come back at every loss, and recognising one loses nothing

	mu        sync.Mutex
	once      map[uint64]bool // true when confirmed
	old       map[uint64]bool // confirmed before the running barrier began
	returning map[uint64]bool // confirmed before a loss: may come back
	twins     bitset
	stayed    bitset // failed since the last loss

	generation int // of barriers and losses
}

func newSeen(keepAll bool) *seen {
	return &seen{
		keepAll: keepAll, once: map[uint64]bool{}, old: map[uint64]bool{}, returning: map[uint64]bool{},
		twins: make(bitset, twinBits/64), stayed: make(bitset, twinBits/64),
	}
}

// bitset remembers fingerprints, and may remember more than it was told.
type bitset []uint64

func (b bitset) has(print uint64) bool {
	i := print % twinBits
	return b[i/64]&(1<<(i%64)) != 0
}

func (b bitset) add(print uint64) {
	i := print % twinBits
	b[i/64] |= 1 << (i % 64)
}

// recognise says that the message was confirmed before the last loss and only its acknowledgement
// is missing; it does so once for each confirmed message. Otherwise the message is noted as being
// worked on.
func (s *seen) recognise(print uint64, m *message.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.returning[print] && m.Redelivered && !s.twins.has(print) && (s.keepAll || m.MessageID != "") {
		delete(s.returning, print)
		s.once[print] = true // its new acknowledgement may get lost as well
		return true
	}
	s.note(print)
	return false
}

func (s *seen) note(print uint64) {
	if _, again := s.once[print]; again || s.old[print] || s.stayed.has(print) {
		s.twins.add(print)
		return
	}
	s.once[print] = false
}

// unread notes a message that was delivered and not worked on when the connection broke: only a
// twin of it matters.
func (s *seen) unread(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.once[print]; again || s.old[print] || s.stayed.has(print) {
		s.twins.add(print)
	}
}

// confirmed notes that the message has arrived; call it before its acknowledgement is sent.
func (s *seen) confirmed(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once[print] = true
}

// failed forgets a message that stays in its queue, except that a twin of it would be one. After a
// loss it comes again.
func (s *seen) failed(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.once, print)
	s.stayed.add(print)
}

// barrier begins one: what is confirmed by now can be forgotten when passed is called, once the
// broker is seen to have applied all acknowledgements sent so far. passed does nothing when another
// barrier or a loss came in between.
func (s *seen) barrier() (passed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	mine := s.generation
	working := map[uint64]bool{}
	for print, confirmed := range s.once {
		if confirmed {
			s.old[print] = true
		} else {
			working[print] = false
		}
	}
	s.once = working
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.generation == mine {
			s.old = map[uint64]bool{}
		}
	}
}

// lost notes that the connection broke while nothing was in flight: everything confirmed since the
// last barrier may come back. What was in flight and not confirmed will be handed out again as if
// for the first time.
func (s *seen) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, from := range []map[uint64]bool{s.old, s.once} {
		for print, confirmed := range from {
			if confirmed {
				s.returning[print] = true
			}
		}
	}
	s.once, s.old = map[uint64]bool{}, map[uint64]bool{}
	clear(s.stayed)
	s.generation++
}

// open returns how many confirmed messages may still come back after a loss.
func (s *seen) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.returning)
}

// settled forgets everything: all acknowledgements are applied, or nothing will come back any more.
func (s *seen) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once, s.old, s.returning = map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
}

// none says that nothing confirmed can come back: every acknowledgement is applied, or there was
// none.
func (s *seen) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, confirmed := range s.once {
		if confirmed {
			return false
		}
	}
	return len(s.old) == 0 && len(s.returning) == 0
}
