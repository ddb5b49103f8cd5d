package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// policyRules are about policies that do not have the effect they seem to have.
func policyRules() []Rule {
	return []Rule{
		{
			ID: "policy-disabled-by-key", Severity: Error,
			Title: "A policy with a key that the queue type does not support",
			Consequence: "RabbitMQ applies a policy to a queue only if the queue type supports every key in it. " +
				"Because of one unsupported key, the queue gets none of them, not even its dead-letter exchange.",
			Fix: "Split the policy by queue type, or remove the key.",
			Bad: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  all: { pattern: ^orders$, definition: { dead-letter-exchange: dlx, delivery-limit: 5 } }\n",
			Good: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  all: { pattern: ^orders$, definition: { dead-letter-exchange: dlx } }\n",
		},
		{
			ID: "policy-priority-tie", Severity: Warning,
			Title: "Two policies of equal priority that match the same object",
			check: checkTies,
			Consequence: "One of them applies, and RabbitMQ does not define which. It can change when a policy is " +
				"written again or a node restarts.",
			Fix: "Give the one that should apply a higher priority.",
			Bad: "queues: { orders: {} }\npolicies:\n  a: { pattern: ^o, definition: { max-length: 10, overflow: " +
				"reject-publish } }\n  b: { pattern: s$, definition: { max-length: 20, overflow: reject-publish } }\n",
			Good: "queues: { orders: {} }\npolicies:\n  a: { pattern: ^o, definition: { max-length: 10, overflow: " +
				"reject-publish } }\n  b: { pattern: s$, priority: 1, definition: { max-length: 20, overflow: reject-publish } }\n",
		},
		{
			ID: "policy-matches-nothing", Severity: Note, Title: "A policy that matches no declared object",
			check: checkMatchesNothing,
			Consequence: "It has no effect on what the files declare. That is intended if applications declare " +
				"their own queues, and otherwise a mistake in the pattern.",
			Fix: "Compare the pattern with the names of the queues and exchanges. It is a regular expression: . " +
				"matches any character.",
			Bad: "queues: { orders: {} }\npolicies: { limit: { pattern: ^order$, definition: { max-length: 10, " +
				"overflow: reject-publish } } }\n",
			Good: "queues: { orders: {} }\npolicies: { limit: { pattern: ^orders$, definition: { max-length: 10, " +
				"overflow: reject-publish } } }\n",
		},
		{
			ID: "policy-shadowed", Severity: Warning, Title: "A policy that never applies",
			check: checkPolicyShadowed,
			Consequence: "Only the policy with the highest priority applies to an object, and policies are not " +
				"merged: none of this policy's keys has any effect.",
			Fix: "Move its keys into the policy that applies, or give it a higher priority and the keys of the " +
				"other policy.",
			Bad: "queues: { orders: {} }\npolicies:\n  limit: { pattern: ^orders$, definition: { max-length: 10, " +
				"overflow: reject-publish } }\n  general: { pattern: .*, priority: 1, definition: { max-length: 1000, overflow: " +
				"reject-publish } }\n",
			Good: "queues: { orders: {} }\npolicies:\n  limit: { pattern: ^orders$, priority: 2, definition: { " +
				"max-length: 10, overflow: reject-publish } }\n  general: { pattern: .*, priority: 1, definition: { max-length: " +
				"1000, overflow: reject-publish } }\n",
		},
		{
			ID: "policy-refused", Severity: Error, Title: "A policy that the broker refuses",
			Consequence: "The broker answers 400 and keeps the previous policy, if there is one.",
			Fix: "Remove the key, or set it where it belongs. Which keys a policy may have depends on the broker's " +
				"version.",
			Bad: "queues: { orders: {} }\npolicies: { mirror: { pattern: .*, definition: { ha-mode: all } } }\n",
			Good: "queues: { orders: {} }\npolicies: { limit: { pattern: .*, definition: { max-length: 10, overflow: " +
				"reject-publish } } }\n",
		},
	}
}

// ties are pairs of policies of equal priority, with the objects that both match.
type ties struct {
	order []*topology.Policy // the second of each pair
	with  map[*topology.Policy][]*topology.Policy
	hit   map[[2]*topology.Policy][]string
}

// note records every pair, unless it makes no difference which of the two applies.
func (t *ties) note(a route.Applied, name string) {
	all := append([]*topology.Policy{a.Policy}, a.Rivals...)
	for i, second := range all {
		for _, first := range all[:i] {
			if !first.Definition.Equal(second.Definition) {
				t.pair(first, second, name)
			}
		}
	}
}

func (t *ties) pair(first, second *topology.Policy, name string) {
	pair := [2]*topology.Policy{first, second}
	if t.hit[pair] == nil {
		if t.with[second] == nil {
			t.order = append(t.order, second)
		}
		t.with[second] = append(t.with[second], first)
	}
	t.hit[pair] = append(t.hit[pair], name)
}

// text tells of all pairs that a policy is the second of, and of those with policies of the broker.
func (t *ties) text(second *topology.Policy, onBroker []string) string {
	var parts []string
	for _, first := range t.with[second] {
		parts = append(parts, fmt.Sprintf("as policy %q (%d), and both match %s", first.Name, first.Priority,
			some(t.hit[[2]*topology.Policy{first, second}])))
	}
	return "has the same priority " + strings.Join(append(parts, onBroker...), "; ")
}

// checkTies reports each pair of policies once, at the second.
func checkTies(r *run) {
	for _, n := range r.nets {
		var onBroker map[topology.Ref][]string
		if r.in.Live != nil {
			onBroker = r.in.Live.Ties
		}
		if len(n.Policies().All()) < 2 && len(onBroker) == 0 {
			continue
		}
		t := tiesOf(n, onBroker)
		for _, p := range t.order {
			r.find(p.Ref(), "priority", t.text(p, onBroker[p.Ref()]))
		}
	}
}

// tiesOf finds the ties of one vhost, and those that only the broker knows of.
func tiesOf(n *network, onBroker map[topology.Ref][]string) *ties {
	t := ties{with: map[*topology.Policy][]*topology.Policy{}, hit: map[[2]*topology.Policy][]string{}}
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
	for _, p := range n.Policies().All() {
		if len(onBroker[p.Ref()]) > 0 && t.with[p] == nil {
			t.order = append(t.order, p)
		}
	}
	return &t
}

func checkMatchesNothing(r *run) {
	for _, n := range r.nets {
		if len(n.queues) == 0 {
			continue // a file with policies only is for objects that are declared elsewhere
		}
		for _, p := range n.Policies().All() {
			if !n.matchesSomething(p) {
				r.find(p.Ref(), "pattern", fmt.Sprintf("its pattern %q matches nothing that the files declare (%s)", p.Pattern,
					p.ApplyTo))
			}
		}
	}
}

// matchesSomething returns true if this cannot be determined.
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

// shadow explains why a policy does not apply: the objects that it matches, and the policies that
// apply to them instead.
type shadow struct {
	objects []string
	winners []*topology.Policy
}

// checkPolicyShadowed finds policies that match objects and apply to none, because another one
// matches whatever they match. Where the patterns do not prove that, the policy may be a fallback
// for objects that applications declare.
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

// policiesInForce are the policies that apply to an object, or may, and those for which another
// rule explains why they do not.
func (n *network) policiesInForce() map[*topology.Policy]bool {
	inForce := map[*topology.Policy]bool{}
	n.eachApplied(func(_ string, a route.Applied, _ string) {
		inForce[a.Policy] = true
		for _, p := range a.Rivals {
			inForce[p] = true
		}
		for _, d := range a.Disabled {
			inForce[d.Policy] = true
		}
	})
	return inForce
}

// eachApplied calls f with the policies and operator policies of every object. kind is the queue's
// type, "" for an exchange.
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

// shadowOf determines why a policy does not apply; sure is false if it may apply after all.
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

// covers reports whether winner provably matches whatever the other policy matches.
func covers(winner, p *topology.Policy) bool {
	switch winner.Pattern {
	case p.Pattern, "", ".*", "^.*", ".*$", "^.*$", "^":
		return winner.ApplyTo == topology.ApplyToAll || winner.ApplyTo == p.ApplyTo ||
			winner.ApplyTo == topology.ApplyToQueues && p.ApplyTo != topology.ApplyToExchanges
	}
	return false
}
