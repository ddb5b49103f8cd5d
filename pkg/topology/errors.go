package topology

import (
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

var (
	// ErrUnreachable is wrapped by a writer's error when the broker cannot be reached any more:
	// further steps are skipped.
	ErrUnreachable = errors.New("broker unreachable")
	// ErrInUse is wrapped when a guarded deletion found messages, consumers or bindings.
	ErrInUse = errors.New("in use")
	// ErrNotPermitted is wrapped when the broker refuses the login or the login lacks a permission
	// (exit code 4).
	ErrNotPermitted = errors.New("not permitted")
	// ErrVHostMissing is wrapped when the vhost does not exist.
	ErrVHostMissing = errors.New("vhost does not exist")
	// ErrLocked is wrapped when another apply of the same topology holds the lock.
	ErrLocked = errors.New("another apply is running")
	// ErrAPI is wrapped, besides another sentinel, when it is the management API that cannot be
	// used: AMQP may still do.
	ErrAPI = errors.New("management API unusable")
	// ErrMoved is wrapped when the broker changed between the plan that was shown and its
	// execution.
	ErrMoved = errors.New("the broker changed since the plan was made")
)

// RefusedError says why a plan is not applied at all: nothing was written.
type RefusedError struct {
	// Problems has the plan's problems, at least one of them an error, or no error when Blocked is
	// the reason.
	Problems diag.Diagnostics
	// Blocked are the steps that need a flag, or a change elsewhere, first.
	Blocked []Step
}

// Error lists every reason, one a line.
func (e *RefusedError) Error() string {
	lines := []string{"nothing was changed:"}
	for _, d := range e.Problems {
		if d.Severity == diag.Error {
			lines = append(lines, "  "+d.Error())
		}
	}
	for _, s := range e.Blocked {
		lines = append(lines, fmt.Sprintf("  %s %s: %s", s.Action, s.Ref.Full(), s.Blocked))
	}
	return strings.Join(lines, "\n")
}
