package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// SameAs compares a plan with one made later from the same file. It returns nil when both would do
// the same, else an error that wraps ErrChanged and says what changed. Counts of messages and
// consumers may differ: the conditions of the steps see to them.
func (p *Plan) SameAs(other *Plan) error {
	var moved []string
	before := map[topology.Ref]Step{}
	for _, s := range p.Steps {
		before[s.Ref] = s
	}
	for _, now := range other.Steps {
		was, ok := before[now.Ref]
		delete(before, now.Ref)
		switch {
		case !ok:
			moved = append(moved, fmt.Sprintf("%s: now to %s", now.Ref.Full(), now.Action))
		case was.Action != now.Action:
			moved = append(moved, fmt.Sprintf("%s: was to %s, now to %s", now.Ref.Full(), was.Action, now.Action))
		case !sameChanges(was.Changes, now.Changes) || !sameObject(was.Have, now.Have) || !sameObject(was.Want, now.Want):
			moved = append(moved, now.Ref.Full()+": it is no longer as it was")
		}
	}
	for ref, s := range before {
		moved = append(moved, fmt.Sprintf("%s: was to %s, now nothing to do", ref.Full(), s.Action))
	}
	if !sameRecord(p.RecordedOwnership, other.RecordedOwnership) {
		moved = append(moved, fmt.Sprintf("the record of what topology %q owns: somebody else applied it", p.Name))
	}
	if !slices.EqualFunc(p.Released, other.Released, func(a, b topology.Ownership) bool {
		return a.Name == b.Name && a.Equal(b)
	}) {
		moved = append(moved, "the records of the topologies that objects are adopted from")
	}
	if len(moved) == 0 {
		return nil
	}
	slices.Sort(moved)
	n := len(moved)
	if n > 10 {
		moved = append(moved[:10], fmt.Sprintf("and %d more", n-10))
	}
	return fmt.Errorf("%w: %s", ErrChanged, strings.Join(moved, "; "))
}

func sameChanges(a, b []FieldChange) bool {
	return slices.EqualFunc(a, b, func(x, y FieldChange) bool {
		return x.Field == y.Field && sameValue(x.Have, y.Have) && sameValue(x.Want, y.Want)
	})
}

func sameObject(a, b topology.Object) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return len(fieldChanges(a.Fields(), b.Fields(), nil)) == 0
}

func sameRecord(a, b *topology.Ownership) bool {
	if a == nil || b == nil {
		return (a == nil || len(a.Refs) == 0) && (b == nil || len(b.Refs) == 0)
	}
	return a.Equal(*b)
}
