package dlq

import "time"

// Reconnect says how to go on after a lost connection. The zero value is the default.
type Reconnect struct {
	// Delay is the pause before the second attempt; before the n-th it is n-1 times as long. 0 is 5
	// s.
	Delay time.Duration
	// Attempts is how many in a row may fail; 0 is 10. Negative: the connection that publishes is
	// not restored, and the one that reads is tried once, at once.
	Attempts int
}

// change puts what is set into the timing of a run.
func (o Reconnect) change(t timing) timing {
	if o.Delay > 0 {
		t.delay = o.Delay
	}
	if o.Attempts != 0 {
		t.attempts = o.Attempts
	}
	return t
}
