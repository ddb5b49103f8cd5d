package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// policyRules are about policies that do not do what they seem to.
func policyRules() []Rule {
	return []Rule{
		{
			ID: "policy-disabled-by-key", Severity: Error, Title: "A policy that one of its keys keeps away from a queue type",
			Consequence: "RabbitMQ applies a policy to a queue only when the queue's type supports every key in it: one key " +
				"too much, and the queue gets none of them, its dead-letter exchange included.",
			Fix: "Make two policies, one for each queue type, or take the key out.",
			Bad: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  all: { pattern: ^orders$, definition: { dead-letter-exchange: dlx, delivery-limit: 5 } }\n",
			Good: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  all: { pattern: ^orders$, definition: { dead-letter-exchange: dlx } }\n",
		},
		{
			ID: "policy-priority-tie", Severity: Warning, Title: "Two policies of equal priority for one object",
			check: checkTies,
			Consequence: "One of them applies, and RabbitMQ does not say which: it can change when a policy is written again " +
				"or a node restarts.",
			Fix: "Give the one that shall win a higher priority.",
			Bad: "queues: { orders: {} }\npolicies:\n  a: { pattern: ^o, definition: { max-length: 10, overflow: " +
				"reject-publish } }\n  b: { pattern: s$, definition: { max-length: 20, overflow: reject-publish } }\n",
			Good: "queues: { orders: {} }\npolicies:\n  a: { pattern: ^o, definition: { max-length: 10, overflow: " +
				"reject-publish } }\n  b: { pattern: s$, priority: 1, definition: { max-length: 20, overflow: reject-publish } }\n",
		},
		{
			ID: "policy-matches-nothing", Severity: Note, Title: "A policy that matches nothing here",
			check: checkMatchesNothing,
			Consequence: "It does nothing for what the files declare. That is right when applications declare their own " +
				"queues, and a mistake in the pattern otherwise.",
			Fix: "Compare the pattern with the names of the queues and exchanges: it is a regular expression, and . " +
				"matches any character.",
			Bad: "queues: { orders: {} }\npolicies: { limit: { pattern: ^order$, definition: { max-length: 10, " +
				"overflow: reject-publish } } }\n",
			Good: "queues: { orders: {} }\npolicies: { limit: { pattern: ^orders$, definition: { max-length: 10, " +
				"overflow: reject-publish } } }\n",
		},
		{
			ID: "policy-shadowed", Severity: Warning, Title: "A policy that others keep from applying to anything",
			check: checkPolicyShadowed,
			Consequence: "One policy applies to an object, the one of the highest priority, and they are not merged: none of " +
				"this policy's keys is in force anywhere.",
			Fix: "Put its keys into the policy that applies, or give it a higher priority and the other's keys.",
			Bad: "queues: { orders: {} }\npolicies:\n  limit: { pattern: ^orders$, definition: { max-length: 10, " +
				"overflow: reject-publish } }\n  general: { pattern: .*, priority: 1, definition: { max-length: 1000, overflow: " +
				"reject-publish } }\n",
			Good: "queues: { orders: {} }\npolicies:\n  limit: { pattern: ^orders$, priority: 2, definition: { " +
				"max-length: 10, overflow: reject-publish } }\n  general: { pattern: .*, priority: 1, definition: { max-length: " +
				"1000, overflow: reject-publish } }\n",
		},
		{
			ID: "policy-refused", Severity: Error, Title: "A policy that the broker refuses",
			Consequence: "The broker answers 400 and keeps the policy that it had, or none.",
			Fix: "Take the key out, or set it where it belongs. What a policy may set depends on the broker's " +
				"version.",
			Bad: "queues: { orders: {} }\npolicies: { mirror: { pattern: .*, definition: { ha-mode: all } } }\n",
			Good: "queues: { orders: {} }\npolicies: { limit: { pattern: .*, definition: { max-length: 10, overflow: " +
				"reject-publish } } }\n",
		},
	}
}

// ties are pairs of policies of equal priority, with the objects that both match.
type ties struct {
	order [][2]*topology.Policy
	hit   map[[2]*topology.Policy][]string
}

// note takes a pair down, unless it does not matter which of the two applies.
func (t *ties) note(a route.Applied, name string) {
	if a.Rival == nil || a.Policy.Definition.Equal(a.Rival.Definition) {
		return
	}
	pair := [2]*topology.Policy{a.Policy, a.Rival}
	if t.hit[pair] == nil {
		t.order = append(t.order, pair)
	}
	t.hit[pair] = append(t.hit[pair], name)
}

// checkTies reports each pair of policies once, at the second.
func checkTies(r *run) {
	for _, n := range r.nets {
		if len(n.Policies().All()) < 2 {
			continue
		}
		t := ties{hit: map[[2]*topology.Policy][]string{}}
		for _, name := range n.queues {
			s := n.of(name)
			t.note(s.User, name)
			t.note(s.Operator, name)
		}
		for _, name := range n.ExchangeNames() {
			if n.Exchange(name) != nil {
				t.note(n.Policies().ForExchange(name), name)
			}
		}
		for _, p := range t.order {
			r.find(p[1].Ref(), "priority", fmt.Sprintf("has the same priority as policy %q (%d), and both match %s", p[0].Name,
				p[0].Priority, some(t.hit[p])))
		}
	}
}

func checkMatchesNothing(r *run) {
	for _, n := range r.nets {
		if len(n.queues) == 0 {
			continue // a file of policies is for what is declared elsewhere
		}
		for _, p := range n.Policies().All() {
			if !n.matchesSomething(p) {
				r.find(p.Ref(), "pattern", fmt.Sprintf("its pattern %q matches nothing that the files declare (%s)", p.Pattern,
					p.ApplyTo))
			}
		}
	}
}

// matchesSomething is true where it cannot be judged.
func (n *network) matchesSomething(p *topology.Policy) bool {
	matches := func(name string) bool {
		hit, known := n.Policies().Matches(p, name)
		return hit || !known
	}
	if p.ApplyTo != topology.ApplyToExchanges && slices.ContainsFunc(n.queues, func(q string) bool {
		return route.AppliesToType(p.ApplyTo, n.Queue(q).Type) && matches(q)
	}) {
		return true
	}
	if strings.HasSuffix(p.ApplyTo, "queues") || p.ApplyTo == topology.ApplyToStreams {
		return false
	}
	return slices.ContainsFunc(n.ExchangeNames(), func(x string) bool { return n.Exchange(x) != nil && matches(x) })
}

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
