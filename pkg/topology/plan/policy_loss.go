package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

const maxLossesNamed = 3

// policyLoss is what one queue loses of the messages that it holds when policies change.
type policyLoss struct {
	queue topology.Ref
	// messages is how many at most. It is exact where known is true.
	messages int64
	known    bool
	// how says in words what happens to the queue.
	how string
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
		ofPolicy := s.Ref.Kind == topology.KindPolicy || s.Ref.Kind == topology.KindOperatorPolicy
		if ofPolicy && s.Action != Adopt {
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
	var losses []policyLoss
	for _, ref := range queues {
		if !touches(s, was, will, ref.Name) {
			continue
		}
		q := d.queue(ref)
		before, after := outcomes(s, was.Of(q), will, q)
		possible, loss := policyChange{status: d.have.Status[ref], arrives: d.deadLettersArrive}.worst(before, after)
		if possible {
			s.Queues = append(s.Queues, ref)
		}
		if loss == nil {
			continue
		}
		loss.queue = ref
		loss.messages = max(0, loss.messages-lost[ref])
		lost[ref] += loss.messages
		losses = append(losses, *loss)
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
func (s *Step) addPolicyLosses(list []policyLoss) {
	s.Risk = &Risk{Known: true}
	var texts []string
	for i, loss := range list {
		s.Risk.Messages += loss.messages
		s.Risk.Known = s.Risk.Known && loss.known
		if i < maxLossesNamed {
			texts = append(texts, fmt.Sprintf("%s %s", loss.queue, loss.how))
		}
	}
	if more := len(list) - maxLossesNamed; more > 0 {
		texts = append(texts, units.FormatPlural(int64(more), "more queue loses messages", "more queues lose messages"))
	}
	s.Why = also(s.Why, strings.Join(texts, "; "))
}

// policyChange is what changes for one queue.
type policyChange struct {
	was, will route.Settings
	status    topology.QueueStatus
	// arrives says whether dropped messages reach another queue, now or after the plan.
	arrives func(s route.Settings, messages int64, after bool) bool
}

// worst returns the largest loss among the settings that the queue may have had and may have.
// possible says whether there is one at all, whatever the queue holds: counts may be late.
func (c policyChange) worst(before, after []route.Settings) (possible bool, loss *policyLoss) {
	for i, will := range after {
		for _, was := range before {
			c.was, c.will = was, will
			uncounted := c
			uncounted.status = topology.QueueStatus{}
			possible = possible || uncounted.loss() != nil
			one := c.loss()
			if one == nil || loss != nil && (!loss.known || one.known && one.messages <= loss.messages) {
				continue
			}
			if loss = one; i > 0 {
				loss.how += " (if this policy and not another of the same priority applies)"
			}
		}
	}
	return possible, loss
}

// loss returns what the queue loses, or nil. The checks are in the order of what takes most.
func (c policyChange) loss() *policyLoss {
	if c.will.Queue.Type == topology.Stream {
		c.status = topology.QueueStatus{} // counts of streams lag behind (fact stream-count-is-late)
		return cmp.Or(c.retention("max-age"), c.retention("max-length-bytes"))
	}
	if c.status.Known && c.status.Messages == 0 {
		return nil
	}
	if loss := c.expiry(); loss != nil {
		return loss
	}
	loss := cmp.Or(c.ttl(), c.length(), c.bytes())
	if loss == nil {
		return nil
	}
	n := c.counted(loss.messages)
	switch now, then := c.arrives(c.will, n, false), c.arrives(c.will, n, true); {
	case now && then:
		return nil
	case then:
		loss.how += " (where its dead letters go is not there yet: apply that first)"
	case c.will.Get("dead-letter-exchange").Value != nil:
		loss.how += " (its dead letters surely reach no other queue with room for them)"
	}
	return loss
}

// counted returns a number of messages, more than any queue has room for if it is not known.
func (c policyChange) counted(messages int64) int64 {
	if !c.status.Known {
		return 1 << 60
	}
	return messages
}

// shrinks returns the new value of a limit that is set, or becomes smaller.
func (c policyChange) shrinks(key string) (limit int64, smaller bool) {
	limit, set := c.will.Get(key).Int()
	before, had := c.was.Get(key).Int()
	return limit, set && (!had || limit < before)
}

// expiry is about queues that the broker deletes when nobody uses them.
func (c policyChange) expiry() *policyLoss {
	after, smaller := c.shrinks("expires")
	if !smaller || c.status.Known && c.status.Consumers > 0 {
		return nil
	}
	return c.all(fmt.Sprintf("is deleted with its messages when nobody has used it for %s",
		units.FormatMilliseconds(after)))
}

// ttl is about messages that were to be dead-lettered one day. A new TTL is none of those that are
// in the queue already (fact ttl-from-arrival).
func (c policyChange) ttl() *policyLoss {
	ttl, set := c.was.Get("message-ttl").Int()
	held := c.counted(c.status.Messages)
	if !set || !c.arrives(c.was, held, false) || c.arrives(c.will, held, true) {
		return nil
	}
	return c.all(fmt.Sprintf("drops its messages when they are older than %s, and no longer dead-letters them",
		units.FormatMilliseconds(ttl)))
}

// length is about messages beyond the limit.
func (c policyChange) length() *policyLoss {
	limit, set := c.will.Get("max-length").Int()
	if !set || !c.drops("max-length") || c.status.Known && c.status.Messages <= limit {
		return nil
	}
	return &policyLoss{messages: max(0, c.status.Messages-limit), known: c.status.Known,
		how: fmt.Sprintf("holds %s and keeps the newest %d%s", c.held(), limit, c.overflow())}
}

// bytes is about messages beyond the limit of their bytes.
func (c policyChange) bytes() *policyLoss {
	limit, set := c.will.Get("max-length-bytes").Int()
	// The size is a statistic, which may be late, and without the headers, which some brokers count.
	fits := c.status.Known && c.status.Bytes > 0 && c.status.Bytes <= limit/2
	if !set || !c.drops("max-length-bytes") || fits {
		return nil
	}
	return c.all(fmt.Sprintf("keeps the newest messages of %s in all%s", units.FormatSize(limit),
		c.overflow()))
}

// drops reports whether the queue drops its oldest messages to keep a limit, and did not have to
// before (fact limit-before-overflow).
func (c policyChange) drops(key string) bool {
	_, smaller := c.shrinks(key)
	before, now := refuses(c.was), refuses(c.will)
	if now {
		return smaller && !before && c.will.Queue.Type == topology.Classic
	}
	return smaller || before
}

// overflow advises how a queue that refuses messages at its limit keeps those that it has.
func (c policyChange) overflow() string {
	if !refuses(c.will) {
		return ""
	}
	return " (a classic queue takes on a limit before the overflow: apply the policy with the overflow alone first)"
}

// refuses reports whether the queue refuses new messages at its limit.
func refuses(s route.Settings) bool {
	return route.RefusesWhenFull(s.Queue.Type, s.Get("overflow").Text())
}

// retention is about old messages of a stream. The broker does not tell how many there are.
func (c policyChange) retention(key string) *policyLoss {
	now, before := c.will.Get(key), c.was.Get(key)
	size, sized := sizeOf(now)
	had, limited := sizeOf(before)
	if now.Value == nil || sized && limited && size >= had {
		return nil
	}
	return c.all(fmt.Sprintf("deletes its oldest messages: %s becomes %v", key, now.Value))
}

// sizeOf returns a number of bytes, or an age such as 7D in seconds.
func sizeOf(s route.Setting) (int64, bool) {
	if n, ok := s.Int(); ok {
		return n, true
	}
	text := s.Text()
	if text == "" {
		return 0, false
	}
	seconds := map[byte]int64{'Y': 31_536_000, 'M': 2_592_000, 'D': 86_400, 'h': 3600, 'm': 60, 's': 1}[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
	return n * seconds, err == nil && seconds > 0
}

// all is the loss of any of the messages.
func (c policyChange) all(how string) *policyLoss {
	if c.status.Known {
		how += fmt.Sprintf(" (it holds %s)", c.held())
	}
	return &policyLoss{messages: c.status.Messages, known: c.status.Known, how: how}
}

func (c policyChange) held() string {
	if !c.status.Known {
		return "nobody knows how many messages"
	}
	return units.FormatCount(c.status.Messages, "message")
}
