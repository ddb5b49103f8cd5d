package publish

import "github.com/msgctl/msgctl/pkg/message"

// entry is a message that has no outcome yet, or whose outcome has not been reported.
type entry[T any] struct {
	tag     T
	target  Target
	message *message.Message
	seq     uint64 // on the present channel; 0 when it was not handed to it
	kind    OutcomeKind
	err     error
	// back is the reason when the broker returned the message; the confirm is still to come.
	back error
	// tried reports whether a broker may have the message from an earlier channel.
	tried bool
	// doubtful reports whether a return could not be distinguished from one of this message.
	doubtful bool
}

// window is a ring of entries in the order of publishing. Positions count from 0 and never
// decrease: head <= open <= next <= tail.
type window[T any] struct {
	ring  []entry[T]
	bytes int    // of all bodies
	head  uint64 // the oldest entry
	open  uint64 // the oldest without outcome
	next  uint64 // the oldest to be handed to the channel
	tail  uint64 // behind the youngest
	// returned is just after the last entry that was returned: returns arrive in the order of
	// publishing.
	returned uint64
	// flying is the number of messages handed to the present channel that have no outcome.
	flying int
}

func newWindow[T any](size int) window[T] { return window[T]{ring: make([]entry[T], size)} }

func (w *window[T]) len() int                { return int(w.tail - w.head) }
func (w *window[T]) at(pos uint64) *entry[T] { return &w.ring[pos%uint64(len(w.ring))] }

func (w *window[T]) push(e entry[T]) {
	*w.at(w.tail) = e
	w.tail++
	w.bytes += len(e.message.Body)
}

// resolve sets the outcome of an entry.
func (w *window[T]) resolve(e *entry[T], kind OutcomeKind, err error) {
	if e.seq != 0 {
		w.flying--
	}
	e.kind, e.err = kind, err
}

// advance moves open past all entries that have an outcome.
func (w *window[T]) advance() {
	for w.open < w.tail && w.at(w.open).kind != 0 {
		w.open++
	}
	w.next = max(w.next, w.open)
	w.returned = max(w.returned, w.open)
}

// take appends the outcomes that can be reported to into, and removes their entries.
func (w *window[T]) take(into []Outcome[T]) []Outcome[T] {
	for ; w.head < w.open; w.head++ {
		e := w.at(w.head)
		into = append(into, Outcome[T]{Kind: e.kind, Tag: e.tag, Err: e.err})
		w.bytes -= len(e.message.Body)
		*e = entry[T]{}
	}
	return into
}
