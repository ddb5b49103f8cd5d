// Package reconnect defines how to continue after a lost connection. Open restores a connection
// that is used all the time. Repeat repeats an operation that opens what it needs.
//
// The first attempt follows at once, the second after one delay, the third after two, and so on,
// until so many attempts in a row have failed. An error that does not concern the connection is
// permanent, but only after the broker had some seconds. A broker that has just started may not
// know its queues and users yet.
//
// Limits: an attempt is not cut off. The function that connects must bound it by its context.
package reconnect

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Defaults for what a Policy leaves at zero.
const (
	DefaultDelay    = 5 * time.Second
	DefaultAttempts = 10
	DefaultPatience = 10 * time.Second
)

// Policy says how often to try, and how long to wait. The zero value is usable.
type Policy struct {
	// Delay is the pause before the second attempt; before the n-th attempt it is n-1 times as
	// long. 0 means DefaultDelay.
	Delay time.Duration
	// Attempts is how many attempts in a row may fail. 0 means DefaultAttempts. If it is negative,
	// a lost connection is not restored.
	Attempts int
	// Transient reports whether an error concerns the connection. Any other error is permanent if
	// it comes in the third attempt or later, after Patience. nil means that all errors are
	// transient.
	Transient func(error) bool
	// Patience is the time before an error that is not transient can be permanent. 0 means
	// DefaultPatience. If it is negative, such an error is permanent at once.
	Patience time.Duration
	// Refused reports whether the broker refused a login that it accepted before. Such an attempt
	// is repeated a few times, with a Delay of at most a second; then the error is permanent. nil
	// means that a refused login is like any other error.
	Refused func(error) bool
}

// permanentAfter is the first attempt whose error may be permanent.
const permanentAfter = 3

var errLost = errors.New("the connection was lost")

// Failure is a failed attempt that another attempt follows.
type Failure struct {
	Err error
	// Attempt is the number of the next attempt, and Wait the pause before it.
	Attempt int
	Wait    time.Duration
}

// Series counts the attempts since the last success. It is for one goroutine.
type Series struct {
	policy  Policy
	made    int
	refused int // logins in a row
}

// Start returns a series without attempts. Zero fields of p get their defaults.
func (p Policy) Start() *Series {
	if p.Delay == 0 {
		p.Delay = DefaultDelay
	}
	if p.Attempts == 0 {
		p.Attempts = DefaultAttempts
	}
	if p.Patience == 0 {
		p.Patience = DefaultPatience
	}
	return &Series{policy: p}
}

// Worked records a success: the next attempt is the first again.
func (s *Series) Worked() { s.made = 0 }

// linear implements backoff.BackOff for a series, which outlives one call of backoff.Retry.
type linear struct{ *Series }

func (linear) Reset() {}

func (l linear) NextBackOff() time.Duration {
	if l.made >= l.policy.Attempts {
		return backoff.Stop
	}
	delay := l.policy.Delay
	if l.refused > 0 {
		delay = min(delay, refusedDelay)
	}
	return time.Duration(l.made) * delay
}

// Open connects again after cause. Earlier attempts in the same series count: a connection that is
// lost again before anything worked counts as one more failure. notify is called with each failure
// that another attempt follows; it may be nil. Open returns the error of the last attempt, cause if
// there was no attempt, or why ctx ended.
func Open[T any](ctx context.Context, s *Series, cause error, open func(context.Context) (T, error),
	notify func(Failure)) (T, error) {
	if cause == nil {
		cause = errLost
	}
	start, first := time.Now(), true
	operation := func() (connected T, err error) {
		if first && (s.made > 0 || s.policy.Attempts < 0) {
			first = false
			return connected, cause
		}
		first = false
		s.made++
		if connected, err = open(ctx); err != nil && s.permanent(err, start) {
			err = backoff.Permanent(err)
		}
		return connected, err
	}
	return backoff.Retry(ctx, operation, backoff.WithBackOff(linear{s}), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			if notify != nil {
				notify(Failure{Err: err, Attempt: s.made + 1, Wait: wait})
			}
		}))
}

func (s *Series) permanent(err error, start time.Time) bool {
	p := s.policy
	if p.Refused != nil && p.Refused(err) {
		s.refused++
		return s.refused > maxRefusals
	}
	s.refused = 0
	if p.Patience < 0 {
		return p.Transient != nil && !p.Transient(err)
	}
	return p.Transient != nil && !p.Transient(err) && s.made >= permanentAfter && time.Since(start) > p.Patience
}
