// Package retry repeats what worked before and fails now because the broker cannot be reached.
//
// The first contact with a broker is tried once, so that a wrong address shows at once. A
// connection that was established and lost is worth waiting for: the broker restarts, or the
// network is cut for a moment.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Policy is how often, and after which pauses.
type Policy struct {
	// Delay is the pause before the second attempt; before the n-th it is n-1 times as long.
	Delay time.Duration
	// Attempts is how often an established connection is tried again. 0: never.
	Attempts int
}

// loginAttempts is how often a login that was accepted before is tried again when the broker
// refuses it, at most a second apart: one that has just started may not know its users and vhosts
// for a moment (seen on 4.3.6).
const loginAttempts = 3

// Do calls f once. When established, it calls f again while its error wraps
// topology.ErrUnreachable, as the policy says, and a few times while refused reports that the
// broker refuses the login. It returns f's last error, or when ctx ends first an error that wraps
// ctx's.
func (p Policy) Do(ctx context.Context, established bool, refused func(error) bool, f func() error) error {
	err := f()
	if !established {
		return err
	}
	refusals := 0
	for attempt := 1; attempt <= p.Attempts; attempt++ {
		delay := p.Delay
		switch {
		case refused(err) && refusals < loginAttempts:
			refusals++
			delay = min(delay, time.Second)
		case !errors.Is(err, topology.ErrUnreachable):
			return err
		}
		select {
		case <-ctx.Done():
			return refusal.Unreachable("", err.Error(), errors.Join(err, ctx.Err()))
		case <-time.After(time.Duration(attempt) * delay):
		}
		err = f()
	}
	return err
}
