package pipeline

import (
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
)

// StuckError says that a message ends the connection whenever it is delivered. It is still in its
// queue, and so is what is behind it.
type StuckError struct {
	Queue string
	// Position is where in the queue it is, from 1, as far as known: another consumer may hold
	// others.
	Position int64
	// After is the id of the message before it, "" for none.
	After string
	Cause error
}

func (e *StuckError) Error() string {
	behind := ""
	if e.After != "" {
		behind = fmt.Sprintf(" (it came behind message %q)", e.After)
	}
	return fmt.Sprintf("the connection ends whenever message %d of queue %q is delivered%s: it stays where it is, "+
		"and so does what is behind it: %v", e.Position, e.Queue, behind, e.Cause)
}

func (e *StuckError) Unwrap() error { return e.Cause }

// place is how far the run is: what was done before this connection, and what came on it.
func (r *run) place() int64 { return r.doneBefore + r.fresh }

// noteLoss takes down that the connection was lost. The error is a StuckError when the next message
// is the cause.
func (r *run) noteLoss(cause error) error {
	r.safe = 0
	for _, s := range r.allSessions() {
		r.safe += s.Held()
	}
	stuck := r.losses.Note(reconnect.Loss{
		Place: r.place(), Window: r.Prefetch, Unreadable: errors.Is(cause, consume.ErrUnreadable),
		Alone: r.active != nil && r.active.narrow && r.active.Alone(),
	})
	if stuck && !r.Stream {
		return &StuckError{Queue: r.Queue, Position: r.safe + 1, After: r.lastID, Cause: cause}
	}
	return nil
}

// narrow reports whether the next session takes only one message in hand.
func (r *run) narrow() bool { return !r.Stream && r.losses.Narrow(r.place()) }

// narrowPrefetch leaves room for one message besides those that came before and stay: they are
// known to be no problem.
func (r *run) narrowPrefetch() int {
	if len(r.parked) == 0 {
		return int(max(min(r.safe, int64(r.Prefetch)), 1))
	}
	return 1
}
