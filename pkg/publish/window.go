package publish

import "github.com/msgctl/msgctl/pkg/message"

// entry is one message without outcome, or whose outcome was not told yet.
type entry[T any] struct {
	tag     T
	target  Target
	message *message.Message
	seq     uint64 // on the present channel; 0 when it was not handed to it
	kind    OutcomeKind
	err     error
	// back has the reason when the broker returned it; its confirm is still to come.
	back error
	// tried says that a broker may have it from an earlier channel.
	tried bool
	// doubtful says that a return could not be told from this message's.
	doubtful bool
}

// window is a ring of entries in the order of publishing. Positions count from 0 and never fall:
// head <= open <= next <= tail.
type window[T any] struct {
	ring  []entry[T]
	bytes int    // of all bodies
	head  uint64 // the oldest entry
	open  uint64 // the oldest without outcome
	next  uint64 // the oldest to be handed to the channel
	tail  uint64 // behind the youngest
	// returned is behind the last entry that came back: returns come in the order of publishing.
	returned uint64
	// flying is how many were handed to the present channel and have no outcome.
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

// resolve gives an entry its outcome.
func (w *window[T]) resolve(e *entry[T], kind OutcomeKind, err error) {
	if e.seq != 0 {
		w.flying--
	}
	e.kind, e.err = kind, err
}

// advance moves open behind everything that has an outcome.
func (w *window[T]) advance() {
	for w.open < w.tail && w.at(w.open).kind != 0 {
		w.open++
	}
	w.next = max(w.next, w.open)
	w.returned = max(w.returned, w.open)
}

// take appends the outcomes that can be told to into, and forgets their entries.
func (w *window[T]) take(into []Outcome[T]) []Outcome[T] {
	for ; w.head < w.open; w.head++ {
		e := w.at(w.head)
		into = append(into, Outcome[T]{Kind: e.kind, Tag: e.tag, Err: e.err})
		w.bytes -= len(e.message.Body)
		*e = entry[T]{}
	}
	return into
}
