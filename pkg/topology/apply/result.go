package apply

import (
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
)

var (
	errInterrupted = errors.New("not begun: interrupted")
	errKept        = errors.New("kept, because something before it did not succeed; apply again")
)

// DependencyError says that a step was skipped because an object that it needs is not there, or
// because a policy that has to be written first is not as planned.
type DependencyError struct {
	On  topology.Ref
	Err error
}

// Error names the object that is missing, without repeating why.
func (e *DependencyError) Error() string {
	if e.On.Kind.IsPolicy() {
		return "not begun, because " + e.On.String() + " comes first"
	}
	return "not begun, because it needs " + e.On.String()
}

// Unwrap returns why the other object is missing.
func (e *DependencyError) Unwrap() error { return e.Err }

// Count returns how many steps ended so.
func (r Result) Count(o Outcome) int {
	n := 0
	for _, s := range r.Steps {
		if s.Outcome == o {
			n++
		}
	}
	return n
}

// Err returns nil when every step is done and ownership is recorded, else a *PartialError.
func (r Result) Err() error {
	e := &PartialError{Done: r.Count(Done), Failed: r.Count(Failed), Skipped: r.Count(Skipped), Interrupted: r.Interrupted}
	for _, s := range r.Steps {
		if s.Outcome == Failed {
			e.First = s.Err
			break
		}
	}
	if e.Failed+e.Skipped == 0 && r.OwnershipErr == nil {
		return nil
	}
	if e.First == nil {
		e.First = r.OwnershipErr
	}
	return e
}

// PartialError says that an apply did not do everything (exit code 3, or 130 when interrupted).
type PartialError struct {
	Done, Failed, Skipped int
	Interrupted           bool
	// First is the first failure in the plan's order, or why ownership could not be recorded; nil
	// when the apply was only interrupted.
	First error
}

// Error counts.
func (e *PartialError) Error() string {
	text := fmt.Sprintf("%s done, %d failed, %d not begun", units.FormatCount(int64(e.Done), "change"), e.Failed,
		e.Skipped)
	switch {
	case e.Interrupted:
		text += "; interrupted: apply again to do the rest"
	case e.Failed+e.Skipped == 0:
		text += fmt.Sprintf(", but what is owned could not be recorded: %v", e.First)
	case e.First != nil:
		text += fmt.Sprintf("; first: %v", e.First)
	}
	return text
}

// Unwrap returns First.
func (e *PartialError) Unwrap() error { return e.First }
