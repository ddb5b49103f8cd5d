package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan/loss"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

const maxLossesNamed = 3

// queueLoss is what one queue loses when policies change.
type queueLoss struct {
	loss.Loss
	queue topology.Ref
}

// policyRisks finds the queues, whoever declared them, whose messages the policies of the plan
// would drop, and gives the steps their risk. It looks at each step as Apply executes them, one
// after the other, because the broker applies each at once. Messages that are dead-lettered are not
// lost.
func (d *differ) policyRisks() {
	for vhost, steps := range d.policySteps() {
		was := route.PoliciesOf(&d.have.State, vhost, d.have.Server.Version)
		queues := d.queuesOf(topology.Ref{Kind: topology.KindVHost, Name: vhost})
		queues = slices.DeleteFunc(queues, func(q topology.Ref) bool {
			return d.deleted[q] || d.replaced[q] || q.DeletedWith(d.deleted)
		})
		lost := map[topology.Ref]int64{}
		for _, i := range steps {
			s := &d.plan.Steps[i]
			will := afterStep(was, s, d.have.Server.Version)
			d.policyRisk(s, was, will, queues, lost)
			was = will
		}
	}
}

// policySteps returns the indexes of the steps that change policies, by vhost, in the order of
// Apply.
func (d *differ) policySteps() map[string][]int {
	byVHost := map[string][]int{}
	for i, s := range d.plan.Steps {
		if s.Ref.Kind.IsPolicy() && s.Action != Adopt {
			byVHost[s.Ref.VHost] = append(byVHost[s.Ref.VHost], i)
		}
	}
	for _, steps := range byVHost {
		slices.SortFunc(steps, func(a, b int) int { return compareSteps(d.plan.Steps[a], d.plan.Steps[b]) })
	}
	return byVHost
}

// afterStep returns the policies of a vhost when a step is done.
func afterStep(was *route.Policies, s *Step, version string) *route.Policies {
	list := slices.DeleteFunc(slices.Clone(was.All()), func(p *topology.Policy) bool { return p.Ref() == s.Ref })
	if s.Want != nil {
		list = append(list, s.Want.(*topology.Policy))
	}
	return route.NewPolicies(list, version)
}

// policyRisk gives one step its risk. lost is what the steps before it drop of each queue.
func (d *differ) policyRisk(s *Step, was, will *route.Policies, queues []topology.Ref, lost map[topology.Ref]int64) {
	var losses []queueLoss
	for _, ref := range queues {
		if !touches(s, was, will, ref.Name) {
			continue
		}
		q := d.queue(ref)
		before, after := outcomes(s, was.Of(q), will, q)
		possible, most := loss.Change{Status: d.have.Status[ref], Arrives: d.deadLettersArrive}.Worst(before, after)
		if possible {
			s.Queues = append(s.Queues, ref)
		}
		if most == nil {
			continue
		}
		most.Messages = max(0, most.Messages-lost[ref])
		lost[ref] += most.Messages
		losses = append(losses, queueLoss{*most, ref})
	}
	if len(losses) > 0 {
		s.addPolicyLosses(losses)
	}
}

// touches reports whether a step may change what applies to a queue.
func touches(s *Step, was, will *route.Policies, queue string) bool {
	may := func(o topology.Object, in *route.Policies) bool {
		if o == nil {
			return false
		}
		matches, known := in.Matches(o.(*topology.Policy), queue)
		return matches || !known
	}
	return may(s.Have, was) || may(s.Want, will)
}

// outcomes returns the settings that a queue may have before and after a step. There is more than
// one where a policy has a rival of the same priority, or a pattern that cannot be evaluated.
func outcomes(s *Step, was route.Settings, will *route.Policies, q *topology.Queue) (before, after []route.Settings) {
	settings := will.Of(q)
	before, after = []route.Settings{was}, []route.Settings{settings}
	had, gets := was.User, settings.User
	operator := s.Ref.Kind == topology.KindOperatorPolicy
	if operator {
		had, gets = was.Operator, settings.Operator
	}
	if p, ok := s.Want.(*topology.Policy); ok && mayApply(p, gets, will, q) {
		gets.Rivals = append(slices.Clone(gets.Rivals), p)
	} else if !concerns(s.Ref, had) && !concerns(s.Ref, gets) {
		return before, after
	}
	return append(before, withRivals(was, had, operator)...), append(after, withRivals(settings, gets, operator)...)
}

// concerns reports whether a policy is the one that applies, or has the same priority.
func concerns(policy topology.Ref, a route.Applied) bool {
	return a.Policy != nil && a.Policy.Ref() == policy ||
		slices.ContainsFunc(a.Rivals, func(p *topology.Policy) bool { return p.Ref() == policy })
}

// mayApply reports whether a policy whose pattern cannot be evaluated may apply to a queue, in the
// place of the one that surely does.
func mayApply(p *topology.Policy, surely route.Applied, will *route.Policies, q *topology.Queue) bool {
	_, known := will.Matches(p, q.Name)
	return !known && route.AppliesToType(p.ApplyTo, q.Type) && len(will.Unsupported(p, q.Type)) == 0 &&
		(surely.Policy == nil || p.Priority >= surely.Policy.Priority)
}

// withRivals returns the settings with each of the rivals in the place of the policy that applies.
func withRivals(s route.Settings, applied route.Applied, operator bool) []route.Settings {
	var list []route.Settings
	for _, rival := range applied.Rivals {
		if operator {
			s.Operator = route.Applied{Policy: rival}
		} else {
			s.User = route.Applied{Policy: rival}
		}
		list = append(list, s)
	}
	return list
}

// deadLettersArrive reports whether what a queue with these settings drops gets to another queue that
// has room for it. It looks at what the broker has now, or has after the plan: policies are applied
// before queues and bindings.
func (d *differ) deadLettersArrive(s route.Settings, messages int64, after bool) bool {
	exchange, key := s.Get("dead-letter-exchange"), s.Get("dead-letter-routing-key")
	if exchange.Value == nil {
		return false
	}
	// Nobody knows the keys of messages: only what routes every key routes this one.
	p := route.Publication{Exchange: exchange.Text(), Key: "msgctl.unknown.key"}
	if key.Value != nil {
		p.Key = key.Text()
	}
	n := d.network(networkKey{s.Queue.VHost, after})
	return slices.ContainsFunc(n.Route(p).Possible(), func(queue string) bool {
		ref := topology.QueueRef(s.Queue.VHost, queue)
		return queue != s.Queue.Name && n.Queue(queue) != nil && d.keeps(n.Settings(queue), ref, messages)
	})
}

// keeps reports whether a queue surely has room for messages.
func (d *differ) keeps(s route.Settings, ref topology.Ref, messages int64) bool {
	limit, bounded := s.Get("max-length").Int()
	_, sized := s.Get("max-length-bytes").Int()
	ttl, expires := s.Get("message-ttl").Int()
	held := d.have.Status[ref]
	if s.Queue.Type == topology.Stream {
		return !d.deleted[ref]
	}
	return !d.deleted[ref] && !sized && (!expires || ttl > 0) &&
		(!bounded || held.Known && held.Messages+messages <= limit)
}

// networkKey is a vhost as it is, or as it is after the plan.
type networkKey struct {
	vhost string
	after bool
}

// network returns how a vhost routes.
func (d *differ) network(k networkKey) *route.Network {
	if d.networks[k] == nil {
		s := &d.have.State
		if k.after {
			s = s.Revise(d.want.Objects(), slices.Collect(maps.Keys(d.deleted)))
		}
		d.networks[k] = route.New(s, k.vhost, d.have.Server.Version)
	}
	return d.networks[k]
}

// addPolicyLosses makes the losses the risk of a step, with the first queues by name.
func (s *Step) addPolicyLosses(list []queueLoss) {
	s.Risk = &Risk{Known: true}
	var texts []string
	for i, l := range list {
		s.Risk.Messages += l.Messages
		s.Risk.Known = s.Risk.Known && l.Known
		if i < maxLossesNamed {
			texts = append(texts, fmt.Sprintf("%s %s", l.queue, l.How))
		}
	}
	if more := len(list) - maxLossesNamed; more > 0 {
		texts = append(texts, units.FormatPlural(int64(more), "more queue loses messages", "more queues lose messages"))
	}
	s.Why = also(s.Why, strings.Join(texts, "; "))
}
