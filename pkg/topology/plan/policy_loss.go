package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// policyLoss is what one queue loses of the messages that it holds when policies change.
type policyLoss struct {
	queue topology.Ref
	// key is the policy key that drops them.
	key string
	// messages is how many at most. It is exact where known is true.
	messages int64
	known    bool
	// how says in words what happens to the queue.
	how string
}

// policyRisks finds the queues, whoever declared them, whose messages the policies of the plan
// would drop, and gives the steps their risk. Messages that are dead-lettered are not lost.
func (d *differ) policyRisks() {
	steps, after := d.policySteps()
	losses := map[int][]policyLoss{}
	for vhost, changed := range steps {
		was := route.PoliciesOf(&d.have.State, vhost, d.have.Server.Version)
		will := route.PoliciesOf(after, vhost, d.have.Server.Version)
		for _, ref := range d.queuesOf(topology.Ref{Kind: topology.KindVHost, Name: vhost}) {
			if d.deleted[ref] || d.replaced[ref] || ref.DeletedWith(d.deleted) {
				continue
			}
			c := policyChange{was: was.Of(d.queue(ref)), will: will.Of(d.queue(ref)), status: d.have.Status[ref],
				arrives: d.deadLettersArrive}
			possible := c.possible()
			if possible == nil {
				continue
			}
			i := d.causeOf(changed, c, possible.key)
			d.plan.Steps[i].Queues = append(d.plan.Steps[i].Queues, ref)
			if loss := c.loss(); loss != nil {
				loss.queue = ref
				losses[i] = append(losses[i], *loss)
			}
		}
	}
	for i, list := range losses {
		d.plan.Steps[i].addPolicyLosses(list)
	}
}

// policySteps returns the indexes of the steps that change policies, by vhost, and what the broker
// has when they are done.
func (d *differ) policySteps() (byVHost map[string][]int, after *topology.State) {
	byVHost = map[string][]int{}
	var put []topology.Object
	var gone []topology.Ref
	for i, s := range d.plan.Steps {
		if s.Ref.Kind != topology.KindPolicy && s.Ref.Kind != topology.KindOperatorPolicy || s.Action == Adopt {
			continue
		}
		byVHost[s.Ref.VHost] = append(byVHost[s.Ref.VHost], i)
		if s.Want == nil {
			gone = append(gone, s.Ref)
		} else {
			put = append(put, s.Want)
		}
	}
	if len(byVHost) == 0 {
		return nil, nil
	}
	return byVHost, d.have.Revise(put, gone)
}

// causeOf returns which of the changed policies changes a key of a queue. That is the one that sets
// it from now on, or the one that set it, or anything in its place, before.
func (d *differ) causeOf(changed []int, c policyChange, key string) int {
	for _, p := range []*topology.Policy{c.will.Get(key).Policy, c.will.User.Policy, c.will.Operator.Policy,
		c.was.User.Policy, c.was.Operator.Policy} {
		for _, i := range changed {
			if p != nil && d.plan.Steps[i].Ref == p.Ref() {
				return i
			}
		}
	}
	return changed[0]
}

// deadLettersArrive reports whether what a queue with these settings drops goes to an exchange with
// bindings, or to the queue that its key names. They have to be there already: policies are applied
// before queues and bindings.
func (d *differ) deadLettersArrive(s route.Settings) bool {
	exchange := s.Get("dead-letter-exchange")
	if exchange.Value == nil {
		return false
	}
	ref := topology.Ref{Kind: topology.KindExchange, VHost: s.Queue.VHost, Name: exchange.Text()}
	if ref.Name == "" {
		key := s.Get("dead-letter-routing-key")
		if key.Value == nil {
			return true
		}
		ref = topology.QueueRef(s.Queue.VHost, key.Text())
	}
	if ref.Kind == topology.KindQueue {
		return d.have.Has(ref) && !d.deleted[ref]
	}
	return slices.ContainsFunc(d.bindingsOf(ref), func(b topology.Ref) bool {
		return b.Parent == ref.Name && !d.deleted[b]
	})
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

const maxLossesNamed = 3

// policyChange is what changes for one queue.
type policyChange struct {
	was, will route.Settings
	status    topology.QueueStatus
	// arrives says whether dropped messages are dead-lettered.
	arrives func(route.Settings) bool
}

// possible returns what the queue may lose, whatever it holds, or nil. Counts may be late.
func (c policyChange) possible() *policyLoss {
	c.status = topology.QueueStatus{}
	return c.loss()
}

// loss returns what the queue loses, or nil. The checks are in the order of what takes most.
func (c policyChange) loss() *policyLoss {
	if c.status.Known && c.status.Messages == 0 {
		return nil
	}
	if c.will.Queue.Type == topology.Stream {
		return cmp.Or(c.retention("max-age"), c.retention("max-length-bytes"))
	}
	if loss := c.expiry(); loss != nil {
		return loss
	}
	if c.arrives(c.will) {
		return nil
	}
	loss := cmp.Or(c.ttl(), c.length(), c.bytes())
	if loss != nil && c.will.Get("dead-letter-exchange").Value != nil {
		loss.how += " (where its dead letters go is not there yet: apply that first)"
	}
	return loss
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
	return c.all("expires", fmt.Sprintf("is deleted with its messages when nobody has used it for %s",
		units.FormatMilliseconds(after)))
}

// ttl is about messages that have waited for longer than they may from now on.
func (c policyChange) ttl() *policyLoss {
	ttl, smaller := c.shrinks("message-ttl")
	if !smaller {
		return nil
	}
	return c.all("message-ttl", fmt.Sprintf("drops its messages that are older than %s", units.FormatMilliseconds(ttl)))
}

// length is about messages beyond the limit.
func (c policyChange) length() *policyLoss {
	limit, set := c.will.Get("max-length").Int()
	if !set || !c.drops("max-length") || c.status.Known && c.status.Messages <= limit {
		return nil
	}
	return &policyLoss{key: "max-length", messages: max(0, c.status.Messages-limit), known: c.status.Known,
		how: fmt.Sprintf("holds %s and keeps the newest %d%s", c.held(), limit, c.overflow())}
}

// bytes is about messages beyond the limit of their bytes.
func (c policyChange) bytes() *policyLoss {
	limit, set := c.will.Get("max-length-bytes").Int()
	if !set || !c.drops("max-length-bytes") || c.status.Known && c.status.Bytes > 0 && c.status.Bytes <= limit {
		return nil
	}
	return c.all("max-length-bytes", fmt.Sprintf("keeps the newest messages of %s in all%s", units.FormatSize(limit),
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
	return strings.HasPrefix(s.Get("overflow").Text(), "reject-publish")
}

// retention is about old messages of a stream. The broker does not tell how many there are.
func (c policyChange) retention(key string) *policyLoss {
	now, before := c.will.Get(key), c.was.Get(key)
	size, sized := sizeOf(now)
	had, limited := sizeOf(before)
	if now.Value == nil || sized && limited && size >= had {
		return nil
	}
	return c.all(key, fmt.Sprintf("deletes its oldest messages: %s becomes %v", key, now.Value))
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
func (c policyChange) all(key, how string) *policyLoss {
	return &policyLoss{key: key, messages: c.status.Messages, known: c.status.Known, how: how + c.heldNow()}
}

func (c policyChange) held() string {
	if !c.status.Known {
		return "nobody knows how many messages"
	}
	return units.FormatCount(c.status.Messages, "message")
}

func (c policyChange) heldNow() string {
	if !c.status.Known {
		return ""
	}
	return fmt.Sprintf(" (it holds %s)", c.held())
}
