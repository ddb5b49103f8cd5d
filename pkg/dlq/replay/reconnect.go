package replay

import (
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
)

// Reconnect says how to go on after a lost connection. The zero value is the default.
type Reconnect struct {
	// Delay is the pause before the second attempt; before the n-th it is n-1 times as long. 0 is 5
	// s.
	Delay time.Duration
	// Attempts is how many in a row may fail; 0 is 10. Negative: the connection that publishes is
	// not restored, and the one that reads is tried once, at once.
	Attempts int
}

func (o Reconnect) policy() reconnect.Policy {
	return reconnect.Policy{Delay: o.Delay, Attempts: o.Attempts}
}
