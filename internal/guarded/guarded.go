// Package guarded runs what works on untrusted content: it may panic, or take too long. It also
// guards goroutines: a panic in one ends the process as the program wants it.
package guarded

import (
	"context"
	"fmt"
	"time"
)

// Panic is a panic that was recovered.
type Panic struct {
	Value any
}

// Error implements error.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Call calls f. The error is a *Panic if f panics.
func Call(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v}
		}
	}()
	f()
	return nil
}

// Within returns what f does, or an error: a *Panic if f panics, context.DeadlineExceeded after the
// timeout, that of ctx when it ends first. A timeout of 0 is none.
//
// f cannot be stopped: one that is given up continues, and must change nothing that others
// use.
func Within[T any](ctx context.Context, timeout time.Duration, f func() T) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.err = Call(func() { o.value = f() })
		done <- o
	}()
	var over <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-over:
		return none, context.DeadlineExceeded
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
