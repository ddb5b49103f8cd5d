package dlq

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// policySet has the policies and operator policies of a vhost, those that win first.
type policySet struct {
	version string
	list    []*topology.Policy
	compile map[string]*regexp.Regexp
}

func (s *policySet) add(p *topology.Policy) { s.list = append(s.list, p) }

func (s *policySet) sort() {
	slices.SortFunc(s.list, func(a, b *topology.Policy) int {
		if a.Priority != b.Priority {
			return int(b.Priority - a.Priority)
		}
		return a.Ref().Compare(b.Ref())
	})
	s.compile = map[string]*regexp.Regexp{}
	for _, p := range s.list {
		re, err := regexp.Compile(p.Pattern)
		if err != nil {
			re = nil // of the broker's dialect (PCRE), which Go cannot judge
		}
		s.compile[p.Pattern] = re
	}
}

// applied is what a policy that applies to a queue sets, and how sure that is.
type applied struct {
	policy *topology.Policy
	// unsure says why another policy may be the one: equal priority, a pattern that cannot be judged.
	unsure string
}

// forQueue returns the policy (or operator policy) that applies to a queue: of those that match its name and type, the one of
// highest priority. One with a key that the queue's type does not support does not apply to it at all.
func (s *policySet) forQueue(q *topology.Queue, operator bool) applied {
	var won applied
	for _, p := range s.list {
		if p.Operator != operator || !s.admits(p, q.Type) {
			continue
		}
		re := s.compile[p.Pattern]
		switch {
		case re == nil:
			won.unsure = fmt.Sprintf("%s has a pattern that cannot be judged here", p.Ref())
		case !re.MatchString(q.Name):
		case won.policy == nil:
			won.policy = p
		case won.policy.Priority == p.Priority:
			won.unsure = fmt.Sprintf("%s has the same priority: which of them applies is undefined", p.Ref())
		default:
			return won
		}
	}
	return won
}

func (s *policySet) admits(p *topology.Policy, queueType string) bool {
	switch p.ApplyTo {
	case topology.ApplyToExchanges:
		return false
	case topology.ApplyToClassicQueues, topology.ApplyToQuorumQueues, topology.ApplyToStreams:
		want := map[string]string{topology.ApplyToClassicQueues: topology.Classic, topology.ApplyToQuorumQueues: topology.Quorum,
			topology.ApplyToStreams: topology.Stream}[p.ApplyTo]
		if want != queueType {
			return false
		}
	}
	for _, name := range p.Definition.Keys() {
		if key, known := topology.LookupPolicyKey(name); known && !key.Admits(queueType, s.version) {
			return false
		}
	}
	return true
}

// forExchange returns what the policy sets that applies to an exchange.
func (s *policySet) forExchange(name string) topology.Arguments {
	for _, p := range s.list {
		if p.Operator || (p.ApplyTo != topology.ApplyToAll && p.ApplyTo != topology.ApplyToExchanges) {
			continue
		}
		if re := s.compile[p.Pattern]; re != nil && re.MatchString(name) {
			return p.Definition
		}
	}
	return nil
}

// Setting is the value that a queue obeys, and where it comes from.
type Setting struct {
	// Value is in normal form; nil when nothing sets it.
	Value any
	// From says what sets it: `argument x-message-ttl`, `policy "dead"`, `operator policy "limits"`.
	From string
	// Unsure, when not empty, says why the value may be another.
	Unsure string
}

// Int returns the value as a number, and false when it is none.
func (s Setting) Int() (int64, bool) {
	n, ok := s.Value.(int64)
	return n, ok
}

// Text returns the value as text, "" when it is none.
func (s Setting) Text() string {
	t, _ := s.Value.(string)
	return t
}

// settings finds what a queue obeys.
type settings struct {
	queue          *topology.Queue
	version        string
	user, operator applied
}

func (s *policySet) settings(q *topology.Queue) settings {
	return settings{queue: q, version: s.version, user: s.forQueue(q, false), operator: s.forQueue(q, true)}
}

// get returns the value for a policy's key, by the rules of the broker: an argument wins for dead-letter keys; the
// minimum wins for limits; for overflow an argument wins on classic queues, a policy on quorum queues (seen on 3.10.8, 4.0.5, 4.3.6).
func (s settings) get(key string) Setting {
	arg := s.argument(key)
	pol := fromPolicy(s.user, key)
	op := fromPolicy(s.operator, key)
	switch key {
	case "delivery-limit":
		return s.deliveryLimit(arg, pol, op)
	case "message-ttl", "max-length", "max-length-bytes", "expires":
		return lowest(arg, lowest(pol, op))
	case "overflow":
		if s.queue.Type == topology.Quorum {
			return first(op, pol, arg)
		}
		return first(op, arg, pol)
	}
	return first(arg, op, pol)
}

func (s settings) argument(key string) Setting {
	name := "x-" + key
	v, ok := s.queue.Arguments[name]
	if a, known := topology.LookupArgument(name); !ok || (known && !a.TakenBy(s.queue.Type, s.version)) {
		return Setting{}
	}
	return Setting{Value: v, From: "argument " + name}
}

func fromPolicy(a applied, key string) Setting {
	if a.policy == nil {
		return Setting{Unsure: a.unsure}
	}
	v, ok := a.policy.Definition[key]
	if !ok {
		return Setting{Unsure: a.unsure}
	}
	return Setting{Value: v, From: a.policy.Ref().String(), Unsure: a.unsure}
}

func first(list ...Setting) Setting {
	unsure := ""
	for _, s := range list {
		if s.Value != nil {
			return s
		}
		if unsure == "" {
			unsure = s.Unsure
		}
	}
	return Setting{Unsure: unsure}
}

func lowest(a, b Setting) Setting {
	x, okA := a.Int()
	y, okB := b.Int()
	if okA && okB && y < x {
		return b
	}
	return first(a, b)
}

// deliveryLimit: the minimum wins, but on 4.x one that is negative (unlimited) yields to one that is not. 4.x has a default of 20 on
// quorum queues; 3.10 has none, and takes -1 for 0 (seen on 3.10.8, 4.0.5, 4.3.6).
func (s settings) deliveryLimit(list ...Setting) Setting {
	modern := topology.VersionAtLeast(s.version, "4.0")
	var won Setting
	for _, c := range list {
		v, ok := c.Int()
		w, has := won.Int()
		switch {
		case !ok:
		case !has:
			won = c
		case modern && v < 0:
		case (modern && w < 0) || v < w:
			won = c
		}
	}
	if won.Value == nil && modern {
		return Setting{Value: int64(defaultDeliveryLimit), From: "the broker's default", Unsure: first(list...).Unsure}
	}
	if v, ok := won.Int(); ok && v < 0 && !modern {
		won.Value = int64(0)
	}
	return won
}

const defaultDeliveryLimit = 20
