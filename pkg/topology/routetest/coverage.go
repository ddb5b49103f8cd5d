package routetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Coverage says which parts of a topology the tests exercise.
type Coverage struct {
	Bindings, DeadLetters, Events Covered
}

// Covered counts the parts of one kind and lists the parts that no test exercises.
type Covered struct {
	Total   int       `json:"total"`
	Covered int       `json:"covered"`
	Missing []Missing `json:"missing"`
}

// Missing is one part that no test exercises.
type Missing struct {
	What     string        `json:"what"`
	Position diag.Position `json:"position,omitzero"`
}

func (c *Covered) count(covered bool, what string, at diag.Position) {
	c.Total++
	if covered {
		c.Covered++
		return
	}
	c.Missing = append(c.Missing, Missing{What: what, Position: at})
}

// Coverage returns which bindings, dead-letter paths and events the completed tests exercise. A
// dead-letter path is exercised if a message died in its queue.
func (s *Suite) Coverage(results []Result) Coverage {
	seen := map[topology.Ref]bool{}
	died := map[string]bool{}
	events := map[string]bool{}
	for _, r := range results {
		events[r.Case.VHost+"\x00"+r.Case.Event] = true
		r.Trace.Walk(func(h *route.Hop) {
			for _, ref := range h.Refs {
				seen[ref] = true
			}
		})
		for _, f := range r.Trace.DeadLetterings {
			died[r.Case.VHost+"\x00"+f.Queue] = true
		}
	}
	var c Coverage
	for _, o := range s.state.Objects() {
		ref := o.Ref()
		switch o := o.(type) {
		case *topology.Binding:
			c.Bindings.count(seen[ref], ref.String(), s.state.Position(ref))
		case *topology.Queue:
			if n := s.networks[o.VHost]; n != nil && n.Settings(o.Name).DeadLetter().Set() {
				c.DeadLetters.count(died[o.VHost+"\x00"+o.Name], "dead letters of "+ref.String(), s.state.Position(ref))
			}
		}
	}
	for _, vhost := range slices.Sorted(maps.Keys(s.events)) {
		for _, name := range slices.Sorted(maps.Keys(s.events[vhost])) {
			c.Events.count(events[vhost+"\x00"+name], fmt.Sprintf("event %q", name), s.events[vhost][name].Position())
		}
	}
	for _, part := range []*Covered{&c.Bindings, &c.DeadLetters, &c.Events} {
		slices.SortStableFunc(part.Missing, func(a, b Missing) int {
			return cmp.Or(cmp.Compare(a.Position.File, b.Position.File), a.Position.Line-b.Position.Line,
				cmp.Compare(a.What, b.What))
		})
	}
	return c
}
