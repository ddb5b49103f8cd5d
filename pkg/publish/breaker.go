package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/msgctl/msgctl/internal/units"
)

// Defaults for zero fields of BreakerOptions.
const (
	DefaultBreakerFailures = 20
	DefaultBreakerPause    = 5 * time.Second
	DefaultBreakerProbes   = 10
)

// ErrGaveUp is wrapped when too many probes of a Breaker failed in a row, or when no probe is of use.
var ErrGaveUp = errors.New("gave up")

// BreakerOptions say when a Breaker stops publishing. The zero value is usable.
type BreakerOptions struct {
	// Failures is how many failures in a row open the breaker. Default 20; a negative value means
	// never.
	Failures int
	// Pause is the time before a probe. Default 5 s.
	Pause time.Duration
	// Probes is how many probes must fail in a row for the breaker to give up. Default 10; a
	// negative value means never.
	Probes int
	// Notify is called on every change of state, from any goroutine; it may be nil. It must return
	// quickly.
	Notify func(BreakerState)
}

// BreakerState is the state of a Breaker.
type BreakerState string

// The states.
const (
	// BreakerOpen means that nothing is published during the pause.
	BreakerOpen BreakerState = "paused"
	// BreakerStillOpen means that the probe failed and nothing is published for another pause.
	BreakerStillOpen BreakerState = "probe failed"
	// BreakerProbing means that one message is published to learn its outcome.
	BreakerProbing BreakerState = "probing"
	// BreakerClosed means that publishing continues.
	BreakerClosed BreakerState = "resumed"
)

// Breaker is a circuit breaker for messages published in a window. When several messages in a row
// are returned or refused, publishing pauses. After the pause one message is published as a probe,
// and its outcome decides whether the others follow. There is no probe after a refusal that is Final.
// Messages in flight when the breaker opened do not count. Its methods are safe for concurrent use.
type Breaker struct {
	o    BreakerOptions
	gate *gobreaker.TwoStepCircuitBreaker[struct{}]
	turn sync.Mutex // one outcome after another: the last one opens the breaker

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change of state, and when a probe has its outcome
	opened  time.Time
	failed  int   // probes in a row
	last    error // why the last message failed
	final   error // the refusal with which the breaker opened for good
}

// NewBreaker returns a closed breaker.
func NewBreaker(o BreakerOptions) *Breaker {
	o.Failures = cmp.Or(o.Failures, DefaultBreakerFailures)
	o.Pause = cmp.Or(o.Pause, DefaultBreakerPause)
	o.Probes = cmp.Or(o.Probes, DefaultBreakerProbes)
	b := &Breaker{o: o, changed: make(chan struct{})}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1, Timeout: o.Pause,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return o.Failures > 0 && int(c.ConsecutiveFailures) >= o.Failures },
		OnStateChange: b.change,
	})
	return b
}

// change is called with gobreaker's lock held.
func (b *Breaker) change(_ string, from, to gobreaker.State) {
	b.mu.Lock()
	switch to {
	case gobreaker.StateOpen:
		b.opened = time.Now()
		if from == gobreaker.StateHalfOpen {
			b.failed++
		}
		if isFinal(b.last) {
			b.final = b.last
		}
	case gobreaker.StateClosed:
		b.failed = 0
	}
	b.wake()
	pauses := b.final == nil
	b.mu.Unlock()
	if b.o.Notify != nil && pauses {
		b.o.Notify(stateOf(from, to))
	}
}

// isFinal reports whether the broker refused a message for a reason that no pause removes.
func isFinal(err error) bool {
	var refused *Refusal
	return errors.As(err, &refused) && refused.Final
}

func stateOf(from, to gobreaker.State) BreakerState {
	switch {
	case to == gobreaker.StateOpen && from == gobreaker.StateHalfOpen:
		return BreakerStillOpen
	case to == gobreaker.StateOpen:
		return BreakerOpen
	case to == gobreaker.StateHalfOpen:
		return BreakerProbing
	}
	return BreakerClosed
}

func (b *Breaker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Allow waits until a message may be published. The caller must call done with the outcome: nil if
// the message was confirmed. The error is that of ctx, or wraps ErrGaveUp.
func (b *Breaker) Allow(ctx context.Context) (done func(error), err error) {
	for {
		b.mu.Lock()
		changed, wait, gaveUp, last := b.changed, time.Until(b.opened.Add(b.o.Pause)), b.o.Probes > 0 &&
			b.failed >= b.o.Probes, b.last
		final := b.final
		b.mu.Unlock()
		switch {
		case final != nil:
			return nil, fmt.Errorf("%w: %w", ErrGaveUp, final)
		case gaveUp:
			return nil, fmt.Errorf("%w after %s that failed: %w", ErrGaveUp,
				units.FormatCount(int64(b.o.Probes), "probe"), last)
		}
		finish, err := b.gate.Allow()
		if err == nil {
			return func(outcome error) { b.finish(finish, outcome) }, nil
		}
		if errors.Is(err, gobreaker.ErrTooManyRequests) {
			wait = time.Minute // the probe's outcome comes first
		}
		timer := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		timer.Stop()
	}
}

func (b *Breaker) finish(finish func(error), outcome error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if outcome != nil {
		b.mu.Lock()
		b.last = outcome
		b.mu.Unlock()
	}
	finish(outcome)
}
