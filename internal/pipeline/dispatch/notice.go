package dispatch

import "time"

// NoticeKind is the kind of a Notice.
type NoticeKind uint8

// The kinds of notices.
const (
	Connected NoticeKind = iota
	// Lost: the connection was lost, for the reason Err. The messages in hand are delivered again.
	Lost
	// Failed: an attempt to connect failed with Err. Attempt number Attempt follows after Wait.
	Failed
	// Draining: the dispatcher stops, and jobs have the grace to end.
	Draining
	// LostAtEnd: the connection was lost while the last acknowledgements were sent.
	LostAtEnd
	// Undelivered: Run ends as idle although the queue has Ready messages. The broker delivers them
	// to other consumers or to none.
	Undelivered
)

// Notice is an event of the connection.
type Notice struct {
	Kind    NoticeKind
	Err     error
	Attempt int
	Wait    time.Duration
	Ready   int
}
