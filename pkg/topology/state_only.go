package topology

import (
	"slices"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Only returns a state without the vhosts that are not named; objects in vhosts stay, because a
// broker that was asked for some vhosts lists all vhosts, but the objects of those only. No name
// means all.
func (s *State) Only(vhosts []string) *State {
	if len(vhosts) == 0 {
		return s
	}
	some := &State{}
	for _, o := range s.Objects() {
		if ref := o.Ref(); ref.Kind != KindVHost || slices.Contains(vhosts, ref.Name) {
			_ = some.Add(o, diag.Position{}) // s has each object once
		}
	}
	return some
}
