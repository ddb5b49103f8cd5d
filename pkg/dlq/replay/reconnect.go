package replay

import (
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
)

// Reconnect configures reconnection after a lost connection. The zero value is the default.
type Reconnect struct {
	// Delay is the pause before the second attempt; before the n-th it is n-1 times as long. 0
	// means 5 s.
	Delay time.Duration
	// Attempts is how many consecutive attempts may fail; 0 means 10. If it is negative, the
	// publishing connection is not restored, and the consuming connection is retried once,
	// immediately.
	Attempts int
	// ConfirmTimeout is how long the broker may stay silent about messages in flight before the
	// publishing connection counts as lost. 0 means 30 s; a negative value waits without limit.
	ConfirmTimeout time.Duration
}

func (o Reconnect) policy() reconnect.Policy {
	return reconnect.Policy{Delay: o.Delay, Attempts: o.Attempts}
}
