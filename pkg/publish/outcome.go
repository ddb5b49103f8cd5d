package publish

// OutcomeKind says what became of a message given to a Publisher.
type OutcomeKind uint8

// The kinds of outcomes. Only Confirmed means that the message is where it was sent; only Confirmed
// and Unknown that it may be.
const (
	// Confirmed: the broker routed the message and took responsibility for it.
	Confirmed OutcomeKind = iota + 1
	// Returned: no queue is bound for the target.
	Returned
	// Nacked: the broker refused the message: a full queue with reject-publish, or an internal
	// error. With a fanout to several queues some may have it all the same.
	Nacked
	// Refused: the message itself cannot be sent, or the broker ended the channel because of it.
	Refused
	// Unknown: the connection was lost before the confirm. The message may or may not have arrived.
	Unknown
	// Unsent: the publisher ended before the message was handed to the broker. It did not arrive.
	Unsent
)

// String returns the kind's name in lower case.
func (k OutcomeKind) String() string {
	switch k {
	case Confirmed:
		return "confirmed"
	case Returned:
		return "returned"
	case Nacked:
		return "nacked"
	case Refused:
		return "refused"
	case Unknown:
		return "unknown"
	case Unsent:
		return "unsent"
	}
	return "none"
}

// Outcome is what became of one message.
type Outcome[T any] struct {
	Kind OutcomeKind
	// Tag is what the message was published under.
	Tag T
	// Err says why, for people; nil for Confirmed. Errors of Refused wrap what the broker's refusal
	// wraps.
	Err error
}

// NoticeKind says what a Notice tells.
type NoticeKind uint8

// The kinds of notices.
const (
	// NoticeBlocked: a memory or disk alarm stops publishing until NoticeUnblocked. Err has the
	// broker's reason.
	NoticeBlocked NoticeKind = iota + 1
	NoticeUnblocked
	// NoticeLost: the connection or the channel is gone; Err says why. The publisher restores it.
	NoticeLost
	// NoticeRetry: restoring failed with Err; the next Attempt follows after Wait.
	NoticeRetry
	// NoticeRestored: publishing goes on.
	NoticeRestored
)
