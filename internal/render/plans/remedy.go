package plans

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// blocked says why a step is blocked and which flag allows it.
func blocked(step plan.Step) string {
	switch r := step.Remedy; r.Kind {
	case plan.AllowReplace:
		return step.Blocked + ": allow it with --replace=empty"
	case plan.AllowLoss:
		return fmt.Sprintf("%s: allow their loss with --max-message-loss %d", step.Blocked, r.Messages)
	case plan.AllowConsumers:
		return fmt.Sprintf("%s: stop them, or allow it with --max-message-loss %d", step.Blocked, r.Messages)
	case plan.AllowUncounted:
		if r.Messages > 1 {
			return fmt.Sprintf("%s: allow its loss with --max-message-loss N (at least %d)", step.Blocked, r.Messages)
		}
		return step.Blocked + ": allow its loss with --max-message-loss N"
	case plan.AllowTakeOver:
		return step.Blocked + ". If it has moved here, take it over with --adopt-from " + shell.Quote(r.Owner)
	case plan.AllowAdopt:
		return step.Blocked + ". Take it out of the files, or, if it is yours, adopt it first: msgctl apply --adopt"
	case plan.AllowAdoptBindings:
		return step.Blocked + ", or, if it is yours, declare it in the files and adopt it: msgctl apply --adopt"
	}
	return step.Blocked
}

// withFlags returns the problems with the flags that fix them added to their Fix.
func withFlags(list diag.Diagnostics) diag.Diagnostics {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Remedy == diag.CreateVHost {
			list[i].Fix = "to have it created, run again with --create-vhost, or " + list[i].Fix
		}
	}
	return list
}
