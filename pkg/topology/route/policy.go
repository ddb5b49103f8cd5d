package route

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/regex"
)

// Policies are the policies and operator policies of one vhost on one broker version, in order of
// precedence.
type Policies struct {
	version  string
	list     []*topology.Policy
	patterns map[string]*regex.Expr
}

// NewPolicies returns the policies of one vhost. list contains policies and operator policies in
// any order. version is the version of the broker; "" is capability.NewestLine.
func NewPolicies(list []*topology.Policy, version string) *Policies {
	s := &Policies{version: cmp.Or(version, capability.NewestLine), list: slices.Clone(list),
		patterns: map[string]*regex.Expr{}}
	slices.SortFunc(s.list, func(a, b *topology.Policy) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Ref().Compare(b.Ref()))
	})
	for _, p := range s.list {
		s.patterns[p.Pattern] = regex.Compile(p.Pattern)
	}
	return s
}

// PoliciesOf returns the policies of a vhost of s.
func PoliciesOf(s *topology.State, vhost, version string) *Policies {
	var list []*topology.Policy
	for _, o := range s.All() {
		if p, ok := o.(*topology.Policy); ok && p.VHost == vhost {
			list = append(list, p)
		}
	}
	return NewPolicies(list, version)
}

// All returns all policies, the highest priority first. Callers must not change the list.
func (s *Policies) All() []*topology.Policy { return s.list }

// Matches reports whether the policy's pattern matches a name. known is false if the pattern cannot
// be evaluated.
func (s *Policies) Matches(p *topology.Policy, name string) (matches, known bool) {
	return s.patterns[p.Pattern].Match(name)
}

// Applied is the policy that applies to an object.
type Applied struct {
	// Policy is nil if none applies.
	Policy *topology.Policy
	// Unsure, if not empty, says why another policy may apply instead: it has equal priority, or
	// its pattern cannot be evaluated.
	Unsure string
	// unjudged, if not empty, is the reason of the kind that holds for every key: a pattern cannot be
	// evaluated.
	unjudged string
	// Rivals are the other matching policies of equal priority, in order.
	Rivals []*topology.Policy
	// Disabled are policies of higher precedence than Policy that do not apply because of a key
	// that the queue type does not support.
	Disabled []Disabled
}

// Disabled is a policy that matches a queue but does not apply to it, because the queue type does
// not support Keys (fact policy-all-or-nothing).
type Disabled struct {
	Policy *topology.Policy
	Keys   []string
}

// ForQueue returns the policy that applies to a queue, or the operator policy if operator is true.
// It is the policy of highest priority that matches the name and type of the queue.
func (s *Policies) ForQueue(q *topology.Queue, operator bool) Applied {
	return s.first(q.Name, operator, func(p *topology.Policy) (bool, []string) {
		return AppliesToType(p.ApplyTo, q.Type), s.Unsupported(p, q.Type)
	})
}

// ForExchange returns the policy that applies to an exchange.
func (s *Policies) ForExchange(name string) Applied {
	return s.first(name, false, func(p *topology.Policy) (bool, []string) {
		return p.ApplyTo == topology.ApplyToAll || p.ApplyTo == topology.ApplyToExchanges || p.ApplyTo == "", nil
	})
}

func (s *Policies) first(name string, operator bool, meant func(*topology.Policy) (bool, []string)) Applied {
	var won Applied
	for _, p := range s.list {
		if p.Operator != operator {
			continue
		}
		if won.Policy != nil && won.Policy.Priority != p.Priority {
			return won
		}
		matches, known := s.Matches(p, name)
		if known && !matches {
			continue
		}
		meantFor, unsupported := meant(p)
		switch {
		case !meantFor:
		case len(unsupported) > 0:
			if known && won.Policy == nil {
				won.Disabled = append(won.Disabled, Disabled{Policy: p, Keys: unsupported})
			}
		case !known:
			won.unjudged = cmp.Or(won.unjudged, p.Ref().String()+unjudged)
			won.Unsure = won.unjudged
		case won.Policy == nil:
			won.Policy = p
		default:
			won.Rivals = append(won.Rivals, p)
			won.Unsure = cmp.Or(won.unjudged, sameRank(won.Rivals))
		}
	}
	return won
}

// unjudged ends the sentence about a policy whose pattern cannot be evaluated.
const unjudged = " has a pattern that cannot be judged here"

func sameRank(rivals []*topology.Policy) string {
	names := make([]string, len(rivals))
	for i, p := range rivals {
		names[i] = p.Ref().String()
	}
	has := "has"
	if len(names) > 1 {
		has = "have"
	}
	return fmt.Sprintf("%s %s the same priority: which of them applies is undefined", strings.Join(names, " and "), has)
}

// AppliesToType reports whether the apply-to of a policy includes queues of a type.
func AppliesToType(applyTo, queueType string) bool {
	switch applyTo {
	case topology.ApplyToExchanges:
		return false
	case topology.ApplyToClassicQueues:
		return queueType == topology.Classic
	case topology.ApplyToQuorumQueues:
		return queueType == topology.Quorum
	case topology.ApplyToStreams:
		return queueType == topology.Stream
	}
	return true
}

// Unsupported returns the keys of a policy that a queue type does not support, in order.
func (s *Policies) Unsupported(p *topology.Policy, queueType string) []string {
	var keys []string
	for name := range p.Definition {
		if key, known := capability.LookupPolicyKey(name); known && !key.Admits(queueType, s.version) {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}
