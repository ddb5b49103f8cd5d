package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// ErrChanged is wrapped when the broker changed between the plan that was shown and its execution.
var ErrChanged = errors.New("the broker changed since the plan was made")

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
