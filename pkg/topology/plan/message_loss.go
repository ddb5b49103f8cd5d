package plan

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan/loss"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

const maxLossesNamed = 3

// queueLoss is what one queue loses.
type queueLoss struct {
	loss.Loss
	queue topology.Ref
}

// messageRisks gives the steps the risk of the messages that queues lose although the plan leaves
// the queues themselves, whoever declared them. They lose messages to policies, and those that wait
// to be dead-lettered when that leads nowhere any more.
func (d *differ) messageRisks() {
	for vhost, steps := range d.stepsByVHost() {
		queues := d.queuesOf(topology.Ref{Kind: topology.KindVHost, Name: vhost})
		queues = slices.DeleteFunc(queues, func(q topology.Ref) bool {
			return d.deleted[q] || d.replaced[q] || q.DeletedWith(d.deleted)
		})
		if len(queues) == 0 {
			continue
		}
		lost := map[topology.Ref]*loss.Loss{}
		routes := d.routesOf(vhost, steps)
		d.policyRisks(routes, queues, lost)
		d.waitingRisks(routes, queues, lost)
		for _, s := range steps {
			s.nameTheRest()
		}
	}
}

// stepsByVHost returns the steps that may change where messages go, in the order of Apply.
func (d *differ) stepsByVHost() map[string][]*Step {
	byVHost := map[string][]*Step{}
	for i := range d.plan.Steps {
		switch s := &d.plan.Steps[i]; s.Ref.Kind {
		case topology.KindPolicy, topology.KindOperatorPolicy, topology.KindExchange, topology.KindQueue,
			topology.KindBinding:
			if s.Action != Adopt {
				byVHost[s.Ref.VHost] = append(byVHost[s.Ref.VHost], s)
			}
		}
	}
	for _, steps := range byVHost {
		slices.SortFunc(steps, func(a, b *Step) int { return compareSteps(*a, *b) })
	}
	return byVHost
}

// policyRisks finds the queues whose messages the policies of the plan would drop. It looks at each
// step as Apply executes them, one after the other, because the broker applies each at once.
// Messages that are dead-lettered are not lost. lost is what each queue loses.
func (d *differ) policyRisks(routes *routes, queues []topology.Ref, lost map[topology.Ref]*loss.Loss) {
	was := routes.now().Policies()
	for _, s := range routes.steps {
		if s.Ref.Kind.IsPolicy() {
			will := afterStep(was, s, d.have.Server.Version)
			d.policyRisk(s, routes, was, will, queues, lost)
			was = will
		}
	}
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
func (d *differ) policyRisk(s *Step, routes *routes, was, will *route.Policies, queues []topology.Ref,
	lost map[topology.Ref]*loss.Loss) {
	for _, ref := range queues {
		if !touches(s, was, will, ref.Name) {
			continue
		}
		q := d.queue(ref)
		before, after := outcomes(s, was.Of(q), will, q)
		possible, most := loss.Change{Status: d.have.Status[ref], Arrives: routes.arrive}.Worst(before, after)
		if possible {
			s.Queues = append(s.Queues, ref)
		}
		switch {
		case most == nil:
		case most.Moves:
			s.note(queueLoss{*most, ref})
		default:
			most.Messages = max(0, most.Messages-already(lost[ref]))
			lost[ref] = &loss.Loss{Messages: already(lost[ref]) + most.Messages, Known: most.Known}
			s.loses(queueLoss{*most, ref})
		}
	}
}

// already returns how many messages a queue loses to other steps.
func already(l *loss.Loss) int64 {
	if l == nil {
		return 0
	}
	return l.Messages
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

// loses adds what a queue loses to the risk of a step.
func (s *Step) loses(l queueLoss) {
	if s.Risk == nil {
		s.Risk = &Risk{Known: true}
	}
	if s.elsewhere == nil {
		s.elsewhere = &Risk{Known: true}
	}
	for _, r := range []*Risk{s.Risk, s.elsewhere} {
		r.Messages += l.Messages
		r.Known = r.Known && l.Known
	}
	s.note(l)
}

// note adds to the reason of a step what it does to a queue. It names the first queues.
func (s *Step) note(l queueLoss) {
	if s.noted++; s.noted <= maxLossesNamed {
		s.Why = also(s.Why, fmt.Sprintf("%s %s", l.queue, l.How))
	}
}

// nameTheRest counts the queues that note has left out.
func (s *Step) nameTheRest() {
	if more := s.noted - maxLossesNamed; more > 0 {
		s.Why = also(s.Why, units.FormatPlural(int64(more), "more queue as well", "more queues as well"))
	}
}

// many is a number of messages that no queue with a limit has room for.
const many = 1 << 60

// waitingRisks finds the queues whose messages wait to be dead-lettered, now to a queue that keeps
// them, and after the plan, or while something is replaced, to none. It gives the risk to the step
// that ends it. lost is what queues lose anyway.
func (d *differ) waitingRisks(r *routes, queues []topology.Ref, lost map[topology.Ref]*loss.Loss) {
	for _, ref := range queues {
		held, l := d.have.Status[ref], lost[ref]
		all := l != nil && (!l.Known || held.Known && l.Messages >= held.Messages)
		if all || !loss.Waits(r.now().Settings(ref.Name)) {
			continue
		}
		s, messages := r.ends(ref.Name, held.Messages-already(l))
		if s == nil || !held.Known {
			if s, _ = r.ends(ref.Name, many); s == nil {
				continue
			}
		}
		s.Queues = append(s.Queues, ref)
		one := loss.Loss{Known: held.Known, How: "loses what expires in it or is pushed out: " + unkept(held, messages)}
		if s.Action == Replace {
			one.How += " before this is there again"
		}
		if held.Known {
			one.Messages = messages
		}
		if one.Messages > 0 || !held.Known {
			s.loses(queueLoss{one, ref})
		}
	}
}

// unkept says in words that so many messages of a queue would be lost when they die.
func unkept(held topology.QueueStatus, messages int64) string {
	switch {
	case !held.Known:
		return "no queue would surely keep its dead letters"
	case messages < held.Messages:
		return fmt.Sprintf("%d of its %s would find no queue that keeps them", messages,
			units.FormatCount(held.Messages, "message"))
	}
	return fmt.Sprintf("no queue would keep its %s", units.FormatCount(held.Messages, "message"))
}

// routes are how a vhost routes while the plan is executed.
type routes struct {
	d     *differ
	vhost string
	steps []*Step
	// states are the networks after so many steps, and comparisons those of now with them.
	states      map[int]*route.Network
	comparisons map[int]*loss.Waiting
	// replacing compares now with what is there while a step replaces its object, and while all do.
	replacing map[*Step]*loss.Waiting
}

func (d *differ) routesOf(vhost string, steps []*Step) *routes {
	return &routes{d: d, vhost: vhost, steps: steps, states: map[int]*route.Network{},
		comparisons: map[int]*loss.Waiting{}, replacing: map[*Step]*loss.Waiting{}}
}

// now returns how the vhost routes before the plan.
func (r *routes) now() *route.Network { return r.after(0) }

// after returns how the vhost routes after the first steps.
func (r *routes) after(steps int) *route.Network {
	if r.states[steps] == nil {
		r.states[steps] = r.network(r.steps[:steps], true)
	}
	return r.states[steps]
}

// network returns how the vhost routes when steps are done, or, where replaced objects are not
// there again, half done.
func (r *routes) network(steps []*Step, done bool) *route.Network {
	put, gone := map[topology.Ref]topology.Object{}, map[topology.Ref]bool{}
	for _, s := range steps {
		if s.Action == Delete || s.Action == Replace {
			for _, ref := range append([]topology.Ref{s.Ref}, r.d.bindingsOf(s.Ref)...) {
				delete(put, ref)
				gone[ref] = true
			}
		}
		if s.Want != nil && (done || s.Action != Replace) {
			put[s.Ref] = s.Want
			delete(gone, s.Ref)
		}
	}
	state := r.d.have.State.Revise(slices.Collect(maps.Values(put)), slices.Collect(maps.Keys(gone)))
	return route.New(state, r.vhost, r.d.have.Server.Version)
}

func (r *routes) fate(n *route.Network) loss.Fate {
	return loss.Fate{Network: n, Status: r.d.have.Status}
}

// arrive reports whether so many messages that a queue with these settings drops surely get to
// another queue, now or after the plan.
func (r *routes) arrive(s route.Settings, messages int64, after bool) bool {
	steps := 0
	if after {
		steps = len(r.steps)
	}
	f := r.fate(r.after(steps))
	f.Surely = true
	return f.Kept(s, messages) >= messages
}

func (r *routes) comparison(steps int) *loss.Waiting {
	if r.comparisons[steps] == nil {
		r.comparisons[steps] = loss.NewWaiting(r.fate(r.now()), r.fate(r.after(steps)))
	}
	return r.comparisons[steps]
}

// ends returns the step with which the dead letters of a queue with so many messages get lost, and
// how many do. The step is nil if none does.
func (r *routes) ends(queue string, messages int64) (*Step, int64) {
	if lost := r.comparison(len(r.steps)).Lost(queue, messages); lost > 0 {
		i := sort.Search(len(r.steps)-1, func(i int) bool { return r.comparison(i+1).Lost(queue, messages) > 0 })
		return r.steps[i], lost
	}
	var replaced []*Step
	for _, s := range r.steps {
		if s.Action == Replace {
			replaced = append(replaced, s)
		}
	}
	if len(replaced) == 0 {
		return nil, 0
	}
	lost := r.without(nil, replaced).Lost(queue, messages)
	if lost == 0 {
		return nil, 0
	}
	for _, s := range replaced {
		if r.without(s, []*Step{s}).Lost(queue, messages) > 0 {
			return s, lost
		}
	}
	return replaced[0], lost
}

// without compares now with what is there while steps replace their objects.
func (r *routes) without(key *Step, replaced []*Step) *loss.Waiting {
	if r.replacing[key] == nil {
		r.replacing[key] = loss.NewWaiting(r.fate(r.now()), r.fate(r.network(replaced, false)))
	}
	return r.replacing[key]
}
