package subject

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// liveInput compares the files with the broker.
func (s *Subject) liveInput() *lint.Live {
	l := &lint.Live{Live: s.Live}
	if len(s.Files) == 0 {
		return l
	}
	l.Ties = plan.LiveTies(s.State, s.Live)
	l.Drift = map[topology.Ref]string{}
	for _, step := range plan.Diff(s.State, s.Live, plan.Options{}).Drift() {
		l.Drift[step.Ref] = driftText(step)
	}
	for _, ref := range plan.MissingExternals(s.State, s.Live) {
		l.Drift[ref] = "the files list it under external, but the broker does not have it"
	}
	l.Owned = func(ref topology.Ref) bool {
		if s.State.Has(ref) {
			return true
		}
		for _, o := range s.Live.Ownership {
			if o.Refs[ref] {
				return true
			}
		}
		return false
	}
	return l
}

// onBroker returns the errors that only the broker has: those of objects that the files do not
// declare, and those of declared objects that undeclared ones cause.
func (s *Subject) onBroker(inFiles []lint.Finding) []lint.Finding {
	type key struct {
		rule string
		ref  topology.Ref
	}
	told := map[key]bool{}
	for _, f := range inFiles {
		told[key{f.Rule, f.Ref}] = true
	}
	vhosts := s.State.VHosts()
	live := s.Live.Only(vhosts)
	var list []lint.Finding
	for _, f := range lint.Run(lint.Input{State: live, Version: s.Version, DeadLetters: deadLetters(live, s.Version)}) {
		if f.Severity == lint.Error && slices.Contains(vhosts, f.Ref.VHost) && !told[key{f.Rule, f.Ref}] {
			f.Position, f.Message = s.State.Position(f.Ref), "on the broker: "+f.Message
			list = append(list, f)
		}
	}
	return list
}

func driftText(s plan.Step) string {
	switch s.Action {
	case plan.Create:
		return "declared in the files but missing on the broker"
	case plan.Delete:
		return "it exists on the broker but not in the files"
	}
	text := "differs from the files"
	for i, c := range s.Changes {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += fmt.Sprintf("%s%s is %v, not %v", sep, c.Field, describe(c.Have), describe(c.Want))
	}
	return text
}

func describe(v any) string {
	if v == nil {
		return "absent"
	}
	return amqptable.Canonical(v)
}
