// Package settle knows which deliveries of a channel may be acknowledged together.
package settle

// tagState is what is known of one delivery.
type tagState uint8

const (
	tagPending tagState = iota // decided on, not finished
	tagDone                    // finished: to be acknowledged
	tagHeld                    // stays in the queue: to be returned at the end
	tagAcked
)

// tagRange is a run of held deliveries, both ends included.
type tagRange struct{ first, last uint64 }

// Ledger knows the state of every delivery of one channel and which acknowledgements are due. It is
// pure: it calls nothing, and its owner guards it.
//
// An acknowledgement with multiple settles everything before it too, held and pending deliveries
// included. So one is due only for a run that reaches back to the channel's first delivery; behind
// the first held delivery every acknowledgement stands for itself. Memory: one byte a delivery in
// flight, one range a run of held ones.
type Ledger struct {
	base    uint64 // first tag in states; everything below is acked or in held
	states  []tagState
	head    int // states[head] is tag base
	held    []tagRange
	blocked bool // something below base is held
	due     []uint64

	pending int
	kept    int64 // held deliveries
}

// NewLedger returns the ledger of a channel without deliveries.
func NewLedger() *Ledger { return &Ledger{base: 1} }

// Open notes a delivery; tags come in order, from 1.
func (l *Ledger) Open(uint64) {
	l.states = append(l.states, tagPending)
	l.pending++
}

// Last returns the newest tag, 0 before the first.
func (l *Ledger) Last() uint64 { return l.base + uint64(len(l.states)-l.head) - 1 }

// LastUnsettled returns the newest tag that is neither acknowledged nor due to be, 0 for none. The
// broker refuses an acknowledgement or a nack with multiple whose own tag is settled already.
func (l *Ledger) LastUnsettled() uint64 {
	for i := len(l.states) - 1; i >= l.head; i-- {
		if l.states[i] != tagDone && l.states[i] != tagAcked {
			return l.base + uint64(i-l.head)
		}
	}
	if n := len(l.held); n > 0 {
		return l.held[n-1].last
	}
	return 0
}

// Done finishes a delivery; Flush says when to acknowledge it.
func (l *Ledger) Done(tag uint64) {
	if !l.settle(tag, tagDone) {
		return
	}
	if l.blocked {
		l.due = append(l.due, tag)
	}
}

// Hold keeps a delivery unsettled until the end.
func (l *Ledger) Hold(tag uint64) {
	if l.settle(tag, tagHeld) {
		l.kept++
	}
}

func (l *Ledger) settle(tag uint64, s tagState) bool {
	i := l.head + int(tag-l.base)
	if tag < l.base || i >= len(l.states) || l.states[i] != tagPending {
		return false
	}
	l.states[i] = s
	l.pending--
	return true
}

// Flush returns the acknowledgements that are due: one for everything up to multiple (0 for none),
// and single ones. The slice is valid until the next call.
func (l *Ledger) Flush() (multiple uint64, single []uint64) {
	for l.head < len(l.states) && l.states[l.head] != tagPending {
		switch l.states[l.head] {
		case tagHeld:
			if !l.blocked {
				l.block()
			}
			l.keep(l.base)
		case tagDone:
			if !l.blocked {
				multiple = l.base
			}
		}
		l.head++
		l.base++
	}
	l.compact()
	single, l.due = l.due, l.due[len(l.due):]
	return multiple, single
}

// FlushAll is Flush for who cannot wait for what is pending in front: what is done behind it is
// acknowledged on its own.
func (l *Ledger) FlushAll() (multiple uint64, single []uint64) {
	multiple, single = l.Flush()
	if l.blocked {
		return multiple, single
	}
	for i := l.head; i < len(l.states); i++ {
		if l.states[i] == tagDone {
			l.states[i] = tagAcked
			single = append(single, l.base+uint64(i-l.head))
		}
	}
	return multiple, single
}

// Settled notes that a pending delivery was settled by other means than an acknowledgement.
func (l *Ledger) Settled(tag uint64) { l.settle(tag, tagAcked) }

// block ends multiple acknowledgements: what is done behind the first held delivery is due on its
// own.
func (l *Ledger) block() {
	l.blocked = true
	for i := l.head; i < len(l.states); i++ {
		if l.states[i] == tagDone {
			l.due = append(l.due, l.base+uint64(i-l.head))
		}
	}
}

func (l *Ledger) keep(tag uint64) {
	if n := len(l.held); n > 0 && l.held[n-1].last == tag-1 {
		l.held[n-1].last = tag
		return
	}
	l.held = append(l.held, tagRange{tag, tag})
}

// compact frees the settled front once it is most of the slice.
func (l *Ledger) compact() {
	if l.head > 256 && l.head*2 > len(l.states) {
		n := copy(l.states, l.states[l.head:])
		l.states, l.head = l.states[:n], 0
	}
}

// Pending counts the deliveries that are neither done nor held.
func (l *Ledger) Pending() int { return l.pending }

// Kept counts the held deliveries.
func (l *Ledger) Kept() int64 { return l.kept }
