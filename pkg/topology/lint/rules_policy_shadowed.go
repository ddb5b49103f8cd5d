package lint

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// shadow is what keeps one policy from applying: the objects that it matches, and the policies that
// apply to them instead.
type shadow struct {
	objects []string
	winners []*topology.Policy
}

// checkPolicyShadowed reports policies that match objects and apply to none, because another one
// matches whatever they match. Where that is not to be told from the patterns, the policy may be a
// fallback for what applications declare.
func checkPolicyShadowed(r *run) {
	for _, n := range r.nets {
		if len(n.Policies().All()) < 2 {
			continue
		}
		inForce := n.policiesInForce()
		for _, p := range n.Policies().All() {
			if inForce[p] {
				continue
			}
			s, sure := n.shadowOf(p)
			if sure && len(s.winners) == 1 && covers(s.winners[0], p) {
				w := s.winners[0]
				r.find(p.Ref(), "priority", fmt.Sprintf("it applies to nothing: policy %q has a higher priority (%d) for %s",
					w.Name, w.Priority, some(s.objects)))
			}
		}
	}
}

// policiesInForce are the policies that apply somewhere, or may; and those of which another rule
// tells why they do not.
func (n *network) policiesInForce() map[*topology.Policy]bool {
	inForce := map[*topology.Policy]bool{}
	n.eachApplied(func(_ string, a route.Applied, _ string) {
		inForce[a.Policy], inForce[a.Rival] = true, true
		for _, d := range a.Disabled {
			inForce[d.Policy] = true
		}
	})
	return inForce
}

// eachApplied calls f with the policies and operator policies of every object; kind is the queue's
// type, or "" for an exchange.
func (n *network) eachApplied(f func(name string, a route.Applied, kind string)) {
	for _, name := range n.queues {
		s := n.of(name)
		f(name, s.User, n.Queue(name).Type)
		f(name, s.Operator, n.Queue(name).Type)
	}
	for _, name := range n.ExchangeNames() {
		if n.Exchange(name) != nil {
			f(name, n.Policies().ForExchange(name), "")
		}
	}
}

// shadowOf finds out what keeps a policy from applying; sure is false when it may apply after all.
func (n *network) shadowOf(p *topology.Policy) (s shadow, sure bool) {
	sure = true
	n.eachApplied(func(name string, a route.Applied, kind string) {
		if !meantFor(p, kind) {
			return
		}
		switch hit, known := n.Policies().Matches(p, name); {
		case !known || hit && a.Unsure != "":
			sure = false
		case hit && a.Policy != nil && a.Policy.Operator == p.Operator:
			s.objects = append(s.objects, name)
			s.add(a.Policy)
		}
	})
	return s, sure
}

func meantFor(p *topology.Policy, queueType string) bool {
	if queueType == "" {
		return p.ApplyTo == topology.ApplyToExchanges || p.ApplyTo == topology.ApplyToAll
	}
	return route.AppliesToType(p.ApplyTo, queueType)
}

func (s *shadow) add(p *topology.Policy) {
	if !slices.Contains(s.winners, p) {
		s.winners = append(s.winners, p)
	}
}

// covers reports whether the winner matches whatever the other policy matches, as far as that can
// be told from the patterns.
func covers(winner, p *topology.Policy) bool {
	switch winner.Pattern {
	case p.Pattern, "", ".*", "^.*", ".*$", "^.*$", "^":
		return winner.ApplyTo == topology.ApplyToAll || winner.ApplyTo == p.ApplyTo ||
			winner.ApplyTo == topology.ApplyToQueues && p.ApplyTo != topology.ApplyToExchanges
	}
	return false
}
