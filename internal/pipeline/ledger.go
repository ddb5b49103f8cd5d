package pipeline

import "slices"

// tagState is the state of one delivery.
type tagState uint8

const (
	tagPending tagState = iota // decided on, not finished
	tagDone                    // finished: to be acknowledged
	tagHeld                    // stays in the queue: to be returned at the end
	tagAcked
)

// tagRange is a run of held deliveries, both ends included.
type tagRange struct{ first, last uint64 }

// ledger records the state of every delivery of one channel, and which acknowledgements are due. It
// does no I/O. Its session guards it.
//
// An acknowledgement with multiple also settles all deliveries before it, including held and
// pending ones. It is therefore used only for a run of deliveries that starts at the channel's
// first; after the first held delivery, each delivery is acknowledged individually. Memory: one
// byte for each delivery in flight, one range for each run of held ones.
type ledger struct {
	base    uint64 // first tag in states; everything below is acked or in held
	states  []tagState
	head    int // states[head] is tag base
	held    []tagRange
	blocked bool // something below base is held
	due     []uint64

	pending   int
	heldCount int64
}

// newLedger returns the ledger of a channel without deliveries.
func newLedger() *ledger { return &ledger{base: 1} }

// open records a delivery. Tags come in order, from 1.
func (l *ledger) open(uint64) {
	l.states = append(l.states, tagPending)
	l.pending++
}

// last returns the newest tag, or 0 before the first delivery.
func (l *ledger) last() uint64 { return l.base + uint64(len(l.states)-l.head) - 1 }

// lastUnsettled returns the newest tag that is neither acknowledged nor due to be, or 0 if there is
// none. The broker refuses an acknowledgement or a nack with multiple whose own tag is settled
// already.
func (l *ledger) lastUnsettled() uint64 {
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

// unsettledAfter returns up to most unsettled tags after this one, in order.
func (l *ledger) unsettledAfter(tag uint64, most int) (tags []uint64) {
	for _, r := range l.held {
		for t := max(r.first, tag+1); t <= r.last && len(tags) < most; t++ {
			tags = append(tags, t)
		}
	}
	for i := l.head; i < len(l.states) && len(tags) < most; i++ {
		t := l.base + uint64(i-l.head)
		if t > tag && l.states[i] != tagDone && l.states[i] != tagAcked {
			tags = append(tags, t)
		}
	}
	return tags
}

// done finishes a delivery; flush returns it when its acknowledgement is due.
func (l *ledger) done(tag uint64) {
	if !l.settle(tag, tagDone) {
		return
	}
	if l.blocked {
		l.due = append(l.due, tag)
	}
}

// hold keeps a delivery unsettled until the end.
func (l *ledger) hold(tag uint64) {
	if l.settle(tag, tagHeld) {
		l.heldCount++
	}
}

func (l *ledger) settle(tag uint64, s tagState) bool {
	i := l.head + int(tag-l.base)
	if tag < l.base || i >= len(l.states) || l.states[i] != tagPending {
		return false
	}
	l.states[i] = s
	l.pending--
	return true
}

// flush returns the acknowledgements that are due, of at most this many deliveries: one for
// everything up to multiple (0 for none), and single ones. The slice is valid until the next call.
// n is the number of deliveries that they acknowledge.
func (l *ledger) flush(most int64) (multiple uint64, single []uint64, n int64) {
	for l.head < len(l.states) && l.states[l.head] != tagPending {
		switch l.states[l.head] {
		case tagHeld:
			if !l.blocked {
				l.block()
			}
			l.keep(l.base)
		case tagDone:
			if !l.blocked && n == most {
				l.compact()
				return multiple, nil, n
			}
			if !l.blocked {
				multiple = l.base
				n++
			}
		}
		l.head++
		l.base++
	}
	l.compact()
	singles := min(int64(len(l.due)), most-n)
	single, l.due = l.due[:singles], l.due[singles:]
	return multiple, single, n + singles
}

// flushAll is flush for a caller that cannot wait for earlier pending deliveries: done deliveries
// behind them are acknowledged individually.
func (l *ledger) flushAll(most int64) (multiple uint64, single []uint64, n int64) {
	multiple, single, n = l.flush(most)
	if l.blocked {
		return multiple, single, n
	}
	for i := l.head; i < len(l.states) && n < most; i++ {
		if l.states[i] == tagDone {
			l.states[i] = tagAcked
			single = append(single, l.base+uint64(i-l.head))
			n++
		}
	}
	return multiple, single, n
}

// settled records that a pending delivery was settled by other means than an acknowledgement.
func (l *ledger) settled(tag uint64) { l.settle(tag, tagAcked) }

// block ends multiple acknowledgements: after the first held delivery, deliveries are acknowledged
// individually.
func (l *ledger) block() {
	l.blocked = true
	for i := l.head; i < len(l.states); i++ {
		if l.states[i] == tagDone {
			l.due = append(l.due, l.base+uint64(i-l.head))
		}
	}
}

func (l *ledger) keep(tag uint64) {
	if n := len(l.held); n > 0 && l.held[n-1].last == tag-1 {
		l.held[n-1].last = tag
		return
	}
	l.held = append(l.held, tagRange{tag, tag})
}

// dismiss removes a held delivery that was settled individually.
func (l *ledger) dismiss(tag uint64) {
	if i := l.head + int(tag-l.base); tag >= l.base && i < len(l.states) {
		if l.states[i] == tagHeld {
			l.states[i] = tagAcked
			l.heldCount--
		}
		return
	}
	i := slices.IndexFunc(l.held, func(r tagRange) bool { return r.first <= tag && tag <= r.last })
	if i < 0 {
		return
	}
	r := l.held[i]
	var rest []tagRange
	if r.first < tag {
		rest = append(rest, tagRange{r.first, tag - 1})
	}
	if tag < r.last {
		rest = append(rest, tagRange{tag + 1, r.last})
	}
	l.held = slices.Replace(l.held, i, i+1, rest...)
	l.heldCount--
}

// compact frees the settled front once it is most of the slice.
func (l *ledger) compact() {
	if l.head > 256 && l.head*2 > len(l.states) {
		n := copy(l.states, l.states[l.head:])
		l.states, l.head = l.states[:n], 0
	}
}
