package topologytest

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Describe writes a plan for a failed test, and for tests that compare plans.
func Describe(p *plan.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s", s.Action, s.Ref.Full())
		for _, c := range s.Changes {
			fmt.Fprintf(&b, " [%s: %v -> %v]", c.Field, c.Have, c.Want)
		}
		if s.Blocked != "" {
			fmt.Fprintf(&b, " BLOCKED %s", s.Blocked)
		}
		b.WriteByte('\n')
	}
	for _, r := range p.Undeclared {
		fmt.Fprintf(&b, "undeclared %s\n", r.Full())
	}
	for _, r := range p.Unowned {
		fmt.Fprintf(&b, "unowned %s\n", r.Full())
	}
	for _, d := range p.Problems {
		fmt.Fprintf(&b, "%s: %s\n", d.Severity, d.Error())
	}
	return b.String()
}
