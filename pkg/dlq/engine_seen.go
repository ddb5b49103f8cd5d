package dlq

import (
	"sync"

	"github.com/msgctl/msgctl/pkg/message"
)

// twinBits is the size of the filter that remembers which fingerprints came up twice: 128 KiB. A false hit costs a
// duplicate after a lost connection, nothing else.
const twinBits = 1 << 20

// seen remembers which messages are confirmed while their acknowledgement may still be lost, so that they are not sent
// twice when the connection breaks and the broker hands them out again.
//
// The danger is the opposite mistake: to take a message for one that was sent and acknowledge it unsent. So a fingerprint
// that came up twice without a loss in between (twins: the same bytes, the same death) is never recognised again, nor is
// a message that the broker does not call redelivered. Nor, unless originals are kept anyway, is one without message_id:
// a twin of it may have been on its way to us, unseen, when the connection broke. Those are sent again: a duplicate,
// never a loss.
//
// It is safe for concurrent use.
type seen struct {
	keepAll bool // originals are kept: confirmed messages come back at every loss, and recognising one loses nothing

	mu        sync.Mutex
	once      map[uint64]bool // true when confirmed
	old       map[uint64]bool // confirmed before the running barrier began
	returning map[uint64]bool // confirmed before a loss: may come back
	twins     []uint64
}

func newSeen(keepAll bool) *seen {
	return &seen{
		keepAll: keepAll, once: map[uint64]bool{}, old: map[uint64]bool{}, returning: map[uint64]bool{},
		twins: make([]uint64, twinBits/64),
	}
}

func (s *seen) isTwin(print uint64) bool {
	i := print % twinBits
	return s.twins[i/64]&(1<<(i%64)) != 0
}

func (s *seen) markTwin(print uint64) {
	i := print % twinBits
	s.twins[i/64] |= 1 << (i % 64)
}

// recognise says that the message was confirmed before the last loss and only its acknowledgement is missing; it does so
// once for each confirmed message. Otherwise the message is noted as being worked on.
func (s *seen) recognise(print uint64, m *message.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.returning[print] && m.Redelivered && !s.isTwin(print) && (s.keepAll || m.MessageID != "") {
		delete(s.returning, print)
		s.once[print] = true // its new acknowledgement may get lost as well
		return true
	}
	s.note(print)
	return false
}

func (s *seen) note(print uint64) {
	if _, again := s.once[print]; again || s.old[print] {
		s.markTwin(print)
		return
	}
	s.once[print] = false
}

// unread notes a message that was delivered and not worked on when the connection broke: only a twin of it matters.
func (s *seen) unread(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.once[print]; again || s.old[print] {
		s.markTwin(print)
	}
}

// confirmed notes that the message has arrived; call it before its acknowledgement is sent.
func (s *seen) confirmed(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once[print] = true
}

// failed forgets a message that stays in its queue. A twin of it must not be taken for it, nor it for a twin.
func (s *seen) failed(print uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.once, print)
	s.markTwin(print)
}

// barrier begins one: what is confirmed by now can be forgotten when passed is called, once the broker is seen to have
// applied all acknowledgements sent so far. Only one may run at a time.
func (s *seen) barrier() (passed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[uint64]bool{}
	old := map[uint64]bool{}
	for print, confirmed := range s.once {
		if confirmed {
			old[print] = true
		} else {
			fresh[print] = false
		}
	}
	s.once, s.old = fresh, old
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.old = map[uint64]bool{}
	}
}

// lost notes that the connection broke while nothing was in flight: everything confirmed since the last barrier may come
// back. What was in flight and not confirmed will be handed out again as if for the first time.
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
