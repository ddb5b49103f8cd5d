package reconnect

import "time"

// Losses records lost connections and how far its user was at each. It prevents reconnecting
// forever because of one message: the broker sends it, the connection ends, and every message in
// hand counts as delivered once more.
//
// The pauses of a series grow until its user gets further. A user that loses two connections within
// one prefetch takes one message in hand at a time for a while (see Narrow). The message that ends
// the connection is then known, and no other message is counted as delivered again. Losses is for
// one goroutine.
type Losses struct {
	Series *Series

	lost   bool
	place  int64 // the furthest
	narrow int64 // up to which place
	alone  int   // losses in a row at that place, with nothing else in hand
	inRow  int   // losses in a row at that place
}

// provenBy is how often a message must end the connection while alone in hand to be known as the
// cause.
const provenBy = 3

// steadyAfter is the age from which a connection counts as steady: no message is suspected of
// ending it.
const steadyAfter = 10 * time.Second

// NewLosses returns a Losses without losses. p is the policy of its series.
func NewLosses(p Policy) *Losses { return &Losses{Series: p.Start()} }

// Loss says how a connection was lost.
type Loss struct {
	// Place is how far the user was: a number that grows with each message that the user got past.
	Place int64
	// InHand is the number of messages that the user may have had in hand.
	InHand int
	// Lived is how long the connection was up. It is for users that may have nothing to do. A
	// message that ends the connection is delivered at once, so a connection that lived for a while
	// was lost for another reason.
	Lived time.Duration
	// Alone says that only the next message can have been in transit, and that no message in hand
	// waited for something.
	Alone bool
}

// Note records a loss. stuck reports whether the next message is the one that ends the connection.
func (l *Losses) Note(x Loss) (stuck bool) {
	steady := x.Lived > steadyAfter
	if !l.lost || x.Place > l.place || steady {
		l.Series.Worked()
		l.inRow, l.alone = 0, 0
	}
	l.inRow++
	if l.lost && !steady && x.Place-l.place < int64(x.InHand) {
		l.narrow = max(l.narrow, x.Place+int64(x.InHand))
	}
	if x.Alone && !steady {
		l.alone++
	}
	l.lost, l.place = true, max(l.place, x.Place)
	return l.alone >= provenBy
}

// Narrow reports whether only one message should be in hand at that place.
func (l *Losses) Narrow(place int64) bool { return place < l.narrow }

// InRow returns how many connections in a row were lost without getting further.
func (l *Losses) InRow() int { return l.inRow }
