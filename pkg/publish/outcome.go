package publish

// OutcomeKind is the outcome of a message given to a Publisher.
type OutcomeKind uint8

// The kinds of outcomes. Confirmed means that the message arrived; Unknown means that it may have.
const (
	// Confirmed means that the broker routed the message and took responsibility for it.
	Confirmed OutcomeKind = iota + 1
	// Returned means that no queue is bound for the target.
	Returned
	// Nacked means that the broker refused the message: a full queue with reject-publish, or an
	// internal error. When a fanout routes it to several queues, some of them may have it anyway.
	Nacked
	// Refused means that the message cannot be sent, or that the broker closed the channel because
	// of it.
	Refused
	// Unknown means that the connection was lost before the confirm. The message may or may not
	// have arrived.
	Unknown
	// Unsent means that the publisher ended before it handed the message to the broker. The message
	// did not arrive.
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

// Outcome is the outcome of one message.
type Outcome[T any] struct {
	Kind OutcomeKind
	// Tag is the tag passed to Publish.
	Tag T
	// Err is the reason, for users; nil for Confirmed. For Refused it wraps the same errors as the
	// broker's refusal.
	Err error
}

// NoticeKind is the kind of a Notice.
type NoticeKind uint8

// The kinds of notices.
const (
	// NoticeBlocked means that a memory or disk alarm stops publishing until NoticeUnblocked. Err
	// is the broker's reason.
	NoticeBlocked NoticeKind = iota + 1
	NoticeUnblocked
	// NoticeLost means that the connection or channel is lost, and Err is the reason. The publisher
	// restores it.
	NoticeLost
	// NoticeRetry means that restoring failed with Err. Attempt number Attempt follows after Wait.
	NoticeRetry
	// NoticeRestored means that publishing continues.
	NoticeRestored
)
