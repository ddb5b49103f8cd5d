package topology

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policy checks what the broker refuses in one policy.
func (c *checker) policy(ref Ref, p *Policy, equal bool) {
	if equal {
		return
	}
	if len(p.Definition) == 0 {
		c.as("policy-refused", "definition").error(ref, "the policy sets nothing", "the broker refuses it",
			"add a definition, for example: { max-length: 10000 }")
	}
	switch p.ApplyTo {
	case ApplyToClassicQueues, ApplyToQuorumQueues, ApplyToStreams:
		if c.before("4.0") {
			c.as("policy-refused", "apply-to").error(ref, fmt.Sprintf("%s knows no applyTo: %s", c.broker(), p.ApplyTo),
				"it refuses the policy; it has queues, exchanges and all",
				"use applyTo: queues, with a pattern that matches only those queues")
		}
	}
	for _, k := range p.Definition.Keys() {
		c.policyKey(ref, p, k)
	}
	c.delayedRetry(ref, p)
	c.noDeliveryLimit(ref, p)
}

func (c *checker) policyKey(ref Ref, p *Policy, name string) {
	key, known := LookupPolicyKey(name)
	switch {
	case !known:
		c.unknownPolicyKey(ref, name)
	case p.Operator && !key.OperatorAcceptedBy(c.server.Version):
		c.as("policy-refused", name).error(ref, fmt.Sprintf("%s takes no %s in an operator policy", c.broker(), name),
			"it refuses the policy",
			"set it in a policy instead; operator policies take "+strings.Join(c.operatorKeys(), ", "))
	case key.AcceptedBy(c.server.Version):
	case strings.HasPrefix(name, "ha-"):
		c.as("policy-refused", name).error(ref, fmt.Sprintf("%s has no classic queue mirroring, and refuses policies with %s",
			c.broker(), name), "mirroring was removed in 4.0",
			"take the ha- keys out, and use type: quorum for queues that must survive a node")
	case key.Until != "" && c.from(key.Until):
		c.as("policy-refused", name).error(ref, fmt.Sprintf("%s refuses policies with %s", c.broker(), name),
			"it was removed in "+key.Until, "use queue-leader-locator")
	default:
		c.as("policy-refused", name).error(ref, fmt.Sprintf("%s knows no %s and refuses policies with it", c.broker(), name),
			"RabbitMQ takes it since "+key.Since, "take it out")
	}
}

func (c *checker) operatorKeys() []string {
	var names []string
	for _, k := range policyKeyTable().all {
		if k.OperatorAcceptedBy(c.server.Version) {
			names = append(names, k.Name)
		}
	}
	return names
}

// unknownPolicyKey: the broker refuses keys that neither it nor a plugin has registered; a key that
// is in use on it is known.
func (c *checker) unknownPolicyKey(ref Ref, name string) {
	for _, o := range c.have.objects {
		if p, ok := o.(*Policy); ok {
			if _, used := p.Definition[name]; used {
				return
			}
		}
	}
	why := "the broker refuses policies with settings that it does not know"
	if a, ok := LookupArgument("x-" + strings.TrimPrefix(name, "x-")); ok {
		if _, ok := LookupPolicyKey(strings.TrimPrefix(name, "x-")); ok {
			c.as("policy-refused", name).error(ref, fmt.Sprintf("a policy has no %s", name), why,
				fmt.Sprintf("did you mean %s?", strings.TrimPrefix(name, "x-")))
			return
		}
		c.as("policy-refused", name).error(ref, fmt.Sprintf("%s cannot be set by a policy", name), why,
			fmt.Sprintf("set %s in the queues", a.Field))
		return
	}
	if name == "x-queue-type" || name == "queue-type" {
		c.as("policy-refused", name).error(ref, "the queue type cannot be set by a policy", why,
			"set type in the queues, or defaultQueueType in the vhost")
		return
	}
	names := make([]string, 0, 40)
	for _, k := range policyKeyTable().all {
		names = append(names, k.Name)
	}
	fix := "take it out"
	if near := nearest(name, names); near != "" {
		fix = fmt.Sprintf("did you mean %s?", near)
	}
	c.as("policy-refused", name).error(ref, fmt.Sprintf("RabbitMQ knows no policy setting %s", name), why, fix)
}

// delayedRetry: 4.3.6 wants the minimum with the type ("delayed-retry-min is required when
// delayed-retry-type is all").
func (c *checker) delayedRetry(ref Ref, p *Policy) {
	kind, ok := p.Definition["delayed-retry-type"]
	if _, minimum := p.Definition["delayed-retry-min"]; ok && kind != "disabled" && !minimum && c.from("4.3") {
		c.as("policy-refused", "delayed-retry-type").error(ref, "delayed-retry-type without delayed-retry-min",
			"the broker refuses the policy", "add delayed-retry-min: 1000")
	}
}

// noDeliveryLimit: below 0 means no limit on 4.x; 3.10.8 refuses it ("-1 is not a valid delivery
// limit").
func (c *checker) noDeliveryLimit(ref Ref, p *Policy) {
	if limit, ok := p.Definition["delivery-limit"].(int64); ok && limit < 0 && !VersionAtLeast(c.server.Version, "4.0") {
		c.as("policy-refused", "delivery-limit").error(ref, fmt.Sprintf("%s takes no delivery-limit below 0", c.broker()),
			"it refuses the policy",
			"take it out: without it this broker has no limit")
	}
}

// policies finds policies that one of their own keys keeps away from a queue that they are meant
// for: RabbitMQ applies a policy to a queue only when the queue's type supports every key in it.
func (c *checker) policies() {
	byVHost := map[string][]*Policy{}
	mixed := false
	for ref, o := range c.merged(KindPolicy, KindOperatorPolicy) {
		p := o.(*Policy)
		byVHost[ref.VHost] = append(byVHost[ref.VHost], p)
		mixed = mixed || c.want.Has(ref) && c.isMixed(p)
	}
	if !mixed {
		return
	}
	queues := map[string][]*Queue{}
	for ref, o := range c.merged(KindQueue) {
		queues[ref.VHost] = append(queues[ref.VHost], o.(*Queue))
	}
	for vhost, policies := range byVHost {
		slices.SortFunc(policies, func(a, b *Policy) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Ref().compareInOrder(b.Ref()))
		})
		slices.SortFunc(queues[vhost], func(a, b *Queue) int { return strings.Compare(a.Name, b.Name) })
		for i, p := range policies {
			if c.want.Has(p.Ref()) && c.isMixed(p) {
				c.disabled(p, policies[:i], queues[vhost])
			}
		}
	}
}

// merged returns the objects of some kinds as they will be: the declared ones, and live ones that
// the file does not name.
func (c *checker) merged(kinds ...Kind) map[Ref]Object {
	all := map[Ref]Object{}
	for ref, o := range c.have.objects {
		if slices.Contains(kinds, ref.Kind) {
			all[ref] = o
		}
	}
	for ref, o := range c.want.objects {
		if slices.Contains(kinds, ref.Kind) {
			if live, ok := all[ref].(*Queue); ok && !o.(*Queue).TypeDeclared {
				o = live
			}
			all[ref] = o
		}
	}
	return all
}

// isMixed reports whether some queue type supports one key of the policy and not another.
func (c *checker) isMixed(p *Policy) bool {
	for _, t := range []string{Classic, Quorum, Stream} {
		if good, bad := c.keysFor(p, t); len(good) > 0 && len(bad) > 0 {
			return true
		}
	}
	return false
}

// keysFor divides a policy's keys into those that queues of a type support, and those that keep it
// away from them. Keys that are for exchanges, or that get in nobody's way, are in neither.
func (c *checker) keysFor(p *Policy, queueType string) (good, bad []string) {
	for _, name := range p.Definition.Keys() {
		key, known := LookupPolicyKey(name)
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
func (c *checker) disabled(p *Policy, higher []*Policy, queues []*Queue) {
	pattern, err := regexp.Compile(p.Pattern)
	if err != nil {
		return // a pattern of the broker's dialect (PCRE) that Go cannot judge
	}
	for _, t := range []string{Classic, Quorum, Stream} {
		good, bad := c.keysFor(p, t)
		if len(good) == 0 || len(bad) == 0 || !appliesTo(p.ApplyTo, t) {
			continue
		}
		var hit []*Queue
		declared := false
		for _, q := range queues {
			if q.Type == t && pattern.MatchString(q.Name) && !c.covered(q, p, higher) {
				hit = append(hit, q)
				declared = declared || c.want.Has(q.Ref())
			}
		}
		if len(hit) > 0 {
			c.reportDisabled(p, t, good, bad, hit, declared)
		}
	}
}

func (c *checker) reportDisabled(p *Policy, queueType string, good, bad []string, hit []*Queue, declared bool) {
	with := c.as("policy-disabled-by-key", bad[0])
	add := with.warn
	if declared {
		add = with.error
	}
	names := fmt.Sprintf("%q", hit[0].Name)
	if len(hit) > 1 {
		names += fmt.Sprintf(" and %d more", len(hit)-1)
	}
	add(p.Ref(), fmt.Sprintf("%s keeps the whole policy away from %s queues: %s", joinNames(bad), queueType, names),
		fmt.Sprintf("RabbitMQ applies a policy only to queue types that support all of its keys: they would have no %s "+
			"either", joinNames(good)),
		fmt.Sprintf("make two policies, one of them without %s", joinNames(bad)))
}

// covered reports whether a policy of the same sort goes before p on that queue anyway.
func (c *checker) covered(q *Queue, p *Policy, higher []*Policy) bool {
	for _, h := range higher {
		if h.Operator != p.Operator || h.Priority <= p.Priority || !appliesTo(h.ApplyTo, q.Type) {
			continue
		}
		if _, bad := c.keysFor(h, q.Type); len(bad) > 0 {
			continue
		}
		if re, err := regexp.Compile(h.Pattern); err == nil && re.MatchString(q.Name) {
			return true
		}
	}
	return false
}

func appliesTo(applyTo, queueType string) bool {
	switch applyTo {
	case ApplyToAll, ApplyToQueues, "":
		return true
	case ApplyToClassicQueues:
		return queueType == Classic
	case ApplyToQuorumQueues:
		return queueType == Quorum
	case ApplyToStreams:
		return queueType == Stream
	}
	return false
}
