package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/regex"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// policies finds policies that one of their own keys keeps away from a queue that they are meant
// for. RabbitMQ applies a policy to a queue only when the queue's type supports every key in it.
// deleted are the objects that the plan deletes.
func (c *checker) policies(deleted map[topology.Ref]bool) {
	c.deleted = deleted
	byVHost := map[string][]*topology.Policy{}
	mixed := false
	for ref, o := range c.merged(topology.KindPolicy, topology.KindOperatorPolicy) {
		p := o.(*topology.Policy)
		byVHost[ref.VHost] = append(byVHost[ref.VHost], p)
		mixed = mixed || c.want.Has(ref) && c.isMixed(p)
	}
	c.ties(byVHost, c.reportTie)
	if !mixed {
		return
	}
	queues := map[string][]*topology.Queue{}
	for ref, o := range c.merged(topology.KindQueue) {
		queues[ref.VHost] = append(queues[ref.VHost], o.(*topology.Queue))
	}
	for vhost, policies := range byVHost {
		slices.SortFunc(policies, func(a, b *topology.Policy) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Ref().CompareByKind(b.Ref()))
		})
		slices.SortFunc(queues[vhost], func(a, b *topology.Queue) int { return strings.Compare(a.Name, b.Name) })
		for i, p := range policies {
			if c.want.Has(p.Ref()) && c.isMixed(p) {
				c.disabled(p, policies[:i], queues[vhost])
			}
		}
	}
}

// tie is a pair of policies of equal priority that match the same objects. The file declares told.
type tie struct{ told, other *topology.Policy }

// LiveTies returns what policies only the broker has that tie with a declared one: by the declared
// policy, ordered. They match the same objects with the same priority, and do not say the same.
func LiveTies(want *topology.State, have *topology.Live) map[topology.Ref][]string {
	c, found := newChecker(want, have), map[topology.Ref][]string{}
	byVHost := map[string][]*topology.Policy{}
	for ref, o := range c.merged(topology.KindPolicy, topology.KindOperatorPolicy) {
		byVHost[ref.VHost] = append(byVHost[ref.VHost], o.(*topology.Policy))
	}
	c.ties(byVHost, func(t tie, names []string) {
		if told := t.told.Ref(); !want.Has(t.other.Ref()) {
			found[told] = append(found[told], t.text(names)+" (it is on the broker only)")
		}
	})
	for _, texts := range found {
		slices.Sort(texts)
	}
	return found
}

// ties tells of each tie between policies that do not say the same, with the objects that both
// match.
func (c *checker) ties(byVHost map[string][]*topology.Policy, tell func(t tie, names []string)) {
	var objects map[topology.Ref]topology.Object
	for vhost, list := range byVHost {
		if !c.mayTie(list) {
			continue
		}
		if objects == nil {
			objects = c.merged(topology.KindQueue, topology.KindExchange)
		}
		policies, both := route.NewPolicies(list, c.server.Version), map[tie][]string{}
		for ref, o := range objects {
			if ref.VHost != vhost {
				continue
			}
			applied := []route.Applied{policies.ForExchange(ref.Name)}
			if q, ok := o.(*topology.Queue); ok {
				applied = []route.Applied{policies.ForQueue(q, false), policies.ForQueue(q, true)}
			}
			for _, a := range applied {
				c.noteTies(both, a, ref.Name)
			}
		}
		for t, names := range both {
			tell(t, slices.Sorted(slices.Values(names)))
		}
	}
}

// mayTie reports whether a declared policy has the priority of another.
func (c *checker) mayTie(list []*topology.Policy) bool {
	for i, p := range list {
		if c.want.Has(p.Ref()) && slices.ContainsFunc(list, func(o *topology.Policy) bool {
			return o != list[i] && o.Operator == p.Operator && o.Priority == p.Priority
		}) {
			return true
		}
	}
	return false
}

func (c *checker) noteTies(both map[tie][]string, a route.Applied, name string) {
	all := append([]*topology.Policy{a.Policy}, a.Rivals...)
	for i, p := range all {
		for _, other := range all[:i] {
			t := tie{told: p, other: other}
			if !c.want.Has(p.Ref()) {
				t = tie{told: other, other: p}
			}
			if c.want.Has(t.told.Ref()) && !p.Definition.Equal(other.Definition) {
				both[t] = append(both[t], name)
			}
		}
	}
}

func (t tie) text(names []string) string {
	matched := fmt.Sprintf("%q", names[0])
	if len(names) > 1 {
		matched += fmt.Sprintf(" and %d more", len(names)-1)
	}
	return fmt.Sprintf("as policy %q (%d), and both match %s", t.other.Name, t.other.Priority, matched)
}

func (c *checker) reportTie(t tie, names []string) {
	c.report(t.told.Ref(), diag.Diagnostic{
		Severity: diag.Warning, Rule: "policy-priority-tie", Part: "priority",
		Message: "has the same priority " + t.text(names),
		Why:     "one of them applies, and RabbitMQ does not define which",
		Fix:     "give the one that should apply a higher priority",
	})
}

// merged returns the objects of some kinds as they will be: the declared ones, and live ones that
// the file does not name and the plan does not delete.
func (c *checker) merged(kinds ...topology.Kind) map[topology.Ref]topology.Object {
	all := map[topology.Ref]topology.Object{}
	for ref, o := range c.have.All() {
		if slices.Contains(kinds, ref.Kind) && !c.deleted[ref] && !ref.DeletedWith(c.deleted) {
			all[ref] = o
		}
	}
	for ref, o := range c.want.All() {
		if slices.Contains(kinds, ref.Kind) {
			if live, ok := all[ref].(*topology.Queue); ok && !o.(*topology.Queue).TypeDeclared {
				o = live
			}
			all[ref] = o
		}
	}
	return all
}

// isMixed reports whether some queue type supports one key of the policy and not another.
func (c *checker) isMixed(p *topology.Policy) bool {
	for _, t := range capability.QueueTypes() {
		if good, bad := c.keysFor(p, t); len(good) > 0 && len(bad) > 0 {
			return true
		}
	}
	return false
}

// keysFor divides a policy's keys into those that queues of a type support, and those that keep it
// away from them. Keys for exchanges, and keys that disable nothing, are in neither.
func (c *checker) keysFor(p *topology.Policy, queueType string) (good, bad []string) {
	for _, name := range p.Definition.Keys() {
		key, known := capability.LookupPolicyKey(name)
		switch {
		case !known || key.Queues == nil:
		case key.Admits(queueType, c.server.Version):
			good = append(good, name)
		default:
			bad = append(bad, name)
		}
	}
	return good, bad
}

// disabled reports the queues that a mixed policy matches and does not apply to, once per queue
// type. higher are the policies that go before it.
func (c *checker) disabled(p *topology.Policy, higher []*topology.Policy, queues []*topology.Queue) {
	names := regex.Compile(p.Pattern)
	live, ok := c.have.Get(p.Ref())
	stays := ok && len(changes(live, p, c.server)) == 0 // and is already disabled for existing queues
	for _, t := range capability.QueueTypes() {
		good, bad := c.keysFor(p, t)
		if len(good) == 0 || len(bad) == 0 || !appliesTo(p.ApplyTo, t) {
			continue
		}
		var hit []*topology.Queue
		declared := false
		for _, q := range queues {
			if matches, _ := names.Match(q.Name); matches && q.Type == t && !c.covered(q, p, higher) {
				hit = append(hit, q)
				declared = declared || c.want.Has(q.Ref()) && !(stays && c.have.Has(q.Ref()))
			}
		}
		if len(hit) > 0 {
			c.reportDisabled(p, t, good, bad, hit, declared)
		}
	}
}

func (c *checker) reportDisabled(p *topology.Policy, queueType string, good, bad []string, hit []*topology.Queue,
	declared bool) {
	severity := diag.Warning
	if declared {
		severity = diag.Error
	}
	names := fmt.Sprintf("%q", hit[0].Name)
	if len(hit) > 1 {
		names += fmt.Sprintf(" and %d more", len(hit)-1)
	}
	c.report(p.Ref(), diag.Diagnostic{
		Severity: severity, Rule: "policy-disabled-by-key", Part: bad[0],
		Message: fmt.Sprintf("%s keeps the whole policy away from %s queues: %s", joinNames(bad), queueType, names),
		Why: fmt.Sprintf("RabbitMQ applies a policy only to queue types that support all of its keys: they would have "+
			"no %s either", joinNames(good)),
		Fix: fmt.Sprintf("make two policies, one of them without %s", joinNames(bad)),
	})
}

// covered reports whether a policy of the same sort goes before p on that queue anyway.
func (c *checker) covered(q *topology.Queue, p *topology.Policy, higher []*topology.Policy) bool {
	for _, h := range higher {
		if h.Operator != p.Operator || h.Priority <= p.Priority || !appliesTo(h.ApplyTo, q.Type) {
			continue
		}
		if _, bad := c.keysFor(h, q.Type); len(bad) > 0 {
			continue
		}
		if matches, _ := regex.Compile(h.Pattern).Match(q.Name); matches {
			return true
		}
	}
	return false
}

func appliesTo(applyTo, queueType string) bool {
	switch applyTo {
	case topology.ApplyToAll, topology.ApplyToQueues, "":
		return true
	case topology.ApplyToClassicQueues:
		return queueType == topology.Classic
	case topology.ApplyToQuorumQueues:
		return queueType == topology.Quorum
	case topology.ApplyToStreams:
		return queueType == topology.Stream
	}
	return false
}
