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

// Remedy is an option that would allow what is blocked: what of Options, and how much. A command
// line says by which flag it is set.
type Remedy struct {
	Kind RemedyKind
	// Messages is what MaxMessageLoss would have to be, where it is known.
	Messages int64
	// Owner is who AdoptFrom would have to name.
	Owner string
}

// RemedyKind names an option.
type RemedyKind uint8

// The kinds.
const (
	// NoRemedy: no option allows it.
	NoRemedy RemedyKind = iota
	// AllowReplace: ReplaceEmpty.
	AllowReplace
	// AllowLoss: MaxMessageLoss of at least Messages, all that the plan would lose.
	AllowLoss
	// AllowConsumers: a MaxMessageLoss of 1 or more deletes a queue that has consumers, too.
	AllowConsumers
	// AllowUncounted: MaxMessageLoss of Messages or more. Nobody knows how many messages there are.
	AllowUncounted
	// AllowTakeOver: AdoptFrom with Owner, which owns the object now.
	AllowTakeOver
	// AllowAdopt: a plan of Diff with Adopt records that the topology owns the object.
	AllowAdopt
)
