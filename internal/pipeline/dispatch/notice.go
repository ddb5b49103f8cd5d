package dispatch

import "time"

// NoticeKind says what a Notice tells.
type NoticeKind uint8

// The kinds of notices.
const (
	Connected NoticeKind = iota
	// Lost: the connection was lost, for the reason Err; what was in hand is delivered again.
	Lost
	// Failed: an attempt to connect failed with Err; attempt number Attempt follows after Wait.
	Failed
	// Draining: the dispatcher stops, and jobs have the grace to end.
	Draining
	// LostAtEnd: the connection was lost while the last acknowledgements were sent.
	LostAtEnd
	// Undelivered: Run ends for idleness, though the queue has Ready messages: the broker delivers
	// them to others, or to nobody.
	Undelivered
)

// Notice tells of the connection.
type Notice struct {
	Kind    NoticeKind
	Err     error
	Attempt int
	Wait    time.Duration
	Ready   int
}
