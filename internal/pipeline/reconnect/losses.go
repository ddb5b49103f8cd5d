package reconnect

import "time"

// Losses remembers lost connections and how far its user was at each, so that nobody reconnects for
// ever because of one message: a broker sends it, the connection ends, and everything that was in
// hand counts as delivered once more.
//
// The pauses of a series go on until its user gets further. Whoever loses two connections within
// one prefetch, or receives what cannot be read, takes one message in hand at a time for a while
// (see Narrow): the message that ends the connection is then known, and no other is counted. It is
// for one goroutine.
type Losses struct {
	Series *Series

	lost   bool
	place  int64 // the furthest
	narrow int64 // up to which place
	alone  int   // losses in a row at that place, with nothing else in hand
	inRow  int   // losses in a row at that place
}

// provenBy is how often a message has to end the connection, alone in hand, to be known as the
// cause; what cannot be read is one at once.
const provenBy = 3

// steadyAfter is how old a connection is that nobody suspects.
const steadyAfter = 10 * time.Second

// NewLosses returns a memory without losses.
func NewLosses(p Policy) *Losses { return &Losses{Series: p.Start()} }

// Loss says how a connection was lost.
type Loss struct {
	// Place is how far the user was: a number that grows with each message that it got past.
	Place int64
	// Window is how many messages it may have had in hand.
	Window int
	// Lived is how long the connection was up, for whoever may have nothing to do: one that lived for
	// a while was lost for reasons of its own, because a message that ends it is delivered at once.
	Lived time.Duration
	// Alone says that only the next message can have been on its way, and none was in hand that
	// waited for something.
	Alone bool
	// Unreadable says that the broker sent what cannot be read.
	Unreadable bool
}

// Note takes down a loss. stuck reports whether the next message is what ends the connection.
func (l *Losses) Note(x Loss) (stuck bool) {
	steady := x.Lived > steadyAfter
	if !l.lost || x.Place > l.place || steady {
		l.Series.Worked()
		l.inRow, l.alone = 0, 0
	}
	l.inRow++
	if x.Unreadable || l.lost && !steady && x.Place-l.place < int64(x.Window) {
		l.narrow = max(l.narrow, x.Place+int64(x.Window))
	}
	if x.Alone && !steady {
		l.alone++
	}
	l.lost, l.place = true, max(l.place, x.Place)
	return l.alone >= provenBy || l.alone > 0 && x.Unreadable
}

// Narrow reports whether one message in hand is enough at that place.
func (l *Losses) Narrow(place int64) bool { return place < l.narrow }

// InRow is how many connections in a row were lost without getting further.
func (l *Losses) InRow() int { return l.inRow }
