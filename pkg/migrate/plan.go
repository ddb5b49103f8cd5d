package migrate

import (
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// Change is what a queue shall become.
type Change struct {
	// Name is the new name, "" for the same.
	Name string
	// Type is the new type, "" for the same.
	Type string
	// Set are arguments to add or to change, Unset the names of those to remove.
	Set   topology.Arguments
	Unset []string
}

// Plan is a migration that was not begun.
type Plan struct {
	Job *Job
	// Messages and Consumers are how many the queue had when it was read. Bindings lead to it.
	Messages, Consumers int64
	Bindings            int
	// Refused says why the migration is not possible, each with what to do instead.
	Refused []string
	// Lost says what cannot be kept.
	Lost []string
	// Policies say which policies apply before and after, if they are not the same.
	Policies []string
}

// New plans a migration of a queue. live has the vhost; its policies are needed. by is who asks. The
// error is about the request; what stands against it on the broker is in Refused.
func New(live *topology.Live, vhost, queue string, c Change, by string, now time.Time) (*Plan, error) {
	found, ok := live.Get(topology.QueueRef(vhost, queue))
	if !ok {
		return nil, fmt.Errorf("migrate queue %q: vhost %q has no such queue", queue, vhost)
	}
	from := found.(*topology.Queue)
	to := c.apply(from)
	if Same(from, to) {
		return nil, fmt.Errorf("migrate queue %q: it is a %s queue with these arguments already", queue, from.Type)
	}
	p := &Plan{Messages: live.Status[from.Ref()].Messages, Consumers: live.Status[from.Ref()].Consumers}
	p.Job = &Job{ID: strings.ToLower(rand.Text()[:10]), Stage: Prepare, From: from, To: to, Holding: holding(live, from),
		Started: now.UTC().Truncate(time.Second), By: by}
	p.Job.Unlimited = p.Job.Holding == topology.Quorum && capability.VersionAtLeast(live.Server.Version, "4.0")
	p.check(live)
	return p, nil
}

func (c Change) apply(from *topology.Queue) *topology.Queue {
	to := *from
	to.Arguments = from.Arguments.Clone()
	if to.Arguments == nil {
		to.Arguments = topology.Arguments{}
	}
	for _, name := range c.Unset {
		delete(to.Arguments, name)
	}
	for name, v := range c.Set {
		to.Arguments[name] = v
	}
	if len(to.Arguments) == 0 {
		to.Arguments = nil
	}
	if c.Type != "" {
		to.Type = c.Type
	}
	if c.Name != "" {
		to.Name = c.Name
	}
	to.TypeDeclared = true
	return &to
}

// holding is the type of the queues of the migration: they keep messages as safely as the queue.
func holding(live *topology.Live, from *topology.Queue) string {
	if from.Type == topology.Quorum || len(live.Server.Nodes) > 1 {
		return topology.Quorum
	}
	return topology.Classic
}

func (p *Plan) check(live *topology.Live) {
	from, to := p.Job.From, p.Job.To
	switch {
	case from.Type == topology.Stream:
		p.refuse("a stream keeps its messages and its consumers keep offsets in it, which another queue does not have: " +
			"declare the new queue beside it and let consumers read the stream to its end")
	case from.Exclusive:
		p.refuse("the queue is exclusive: it belongs to one connection and ends with it")
	case from.AutoDelete:
		p.refuse("the queue is auto-delete: it is deleted when its last consumer leaves, which the replacement makes happen")
	case !from.Durable:
		p.refuse("the queue is not durable: a restart of the broker in the middle would lose what waits outside of it")
	}
	if p.Job.Renames() && live.Has(to.Ref()) {
		p.refuse(fmt.Sprintf("queue %q exists already: choose a name that is free", to.Name))
	}
	if Belongs(from.Name) || Belongs(to.Name) {
		p.refuse(fmt.Sprintf("names that begin with %s are those of migrations themselves", namePrefix))
	}
	p.checkTarget(live)
	policies := route.PoliciesOf(&live.State, from.VHost, live.Server.Version)
	p.checkPolicies(live, policies)
	p.checkBindings(live)
	p.findFeeding(live, policies)
	p.findLost(live, policies)
}

func (p *Plan) refuse(text string) { p.Refused = append(p.Refused, text) }

// checkTarget finds what the broker would refuse in the new queue.
func (p *Plan) checkTarget(live *topology.Live) {
	to := p.Job.To
	b := capability.Broker{Version: live.Server.Version, ExchangeTypes: live.Server.ExchangeTypes,
		DeniedFeatures: live.Server.DeniedFeatures}
	for _, d := range b.CheckQueue(capability.Queue{Name: to.Name, Type: to.Type, Durable: to.Durable,
		AutoDelete: to.AutoDelete, Exclusive: to.Exclusive, Arguments: to.Arguments}, false) {
		if d.Severity == diag.Error {
			p.refuse(d.Message + ": " + d.Why + "; " + d.Fix)
		}
	}
}

func (p *Plan) checkPolicies(live *topology.Live, policies *route.Policies) {
	if why, ok := live.Unreadable[topology.KindPolicy]; ok {
		p.refuse("which policies apply to the queues cannot be read: " + why)
	}
	from := policies.Of(p.Job.From)
	dead := from.DeadLetter()
	if dead.Set() {
		p.Job.DeadLetter = topology.Arguments{"x-dead-letter-exchange": dead.Exchange.Value}
		if dead.Key.Value != nil {
			p.Job.DeadLetter["x-dead-letter-routing-key"] = dead.Key.Value
		}
	}
	for _, q := range []*topology.Queue{p.Job.Backlog(), p.Job.Arrivals()} {
		settings := policies.Of(q)
		for _, applied := range []route.Applied{settings.User, settings.Operator} {
			if applied.Policy == nil {
				continue
			}
			for _, key := range topology.DroppingKeys() {
				if _, set := applied.Policy.Definition[key]; set {
					p.refuse(fmt.Sprintf("%s also applies to queue %q, where the messages wait meanwhile, and its %s could drop "+
						"them: exclude names that begin with %s from its pattern", applied.Policy.Ref(), q.Name, key, namePrefix))
				}
			}
		}
	}
	p.checkLength(live, policies)
	p.comparePolicies(policies)
}

// checkLength refuses a new queue that would drop messages of the backlog.
func (p *Plan) checkLength(live *topology.Live, policies *route.Policies) {
	settings := policies.Of(p.Job.To)
	if ttl, ok := settings.Get("message-ttl").Int(); ok && ttl == 0 && p.Messages > 0 {
		p.refuse("the new queue would drop every message that no consumer takes at once: its messageTTL is 0")
	}
	if route.RefusesWhenFull(p.Job.To.Type, settings.Get("overflow").Text()) {
		return
	}
	if limit := settings.Get("max-length"); exceeds(p.Messages, limit) {
		p.refuse(fmt.Sprintf("the queue holds %d messages, and the new one would keep %d of them (%s): raise the limit, or "+
			"set its overflow to reject-publish", p.Messages, limit.Value, limit.From))
	}
	limit, before := settings.Get("max-length-bytes"), policies.Of(p.Job.From).Get("max-length-bytes")
	if n, had := before.Int(); had && !exceeds(n, limit) {
		return // it keeps what the queue keeps
	}
	switch bytes := live.Status[p.Job.From.Ref()].Bytes; {
	case exceeds(bytes, limit):
		p.refuse(fmt.Sprintf("the messages of the queue are of %d bytes, and the new one would keep %d of them (%s): raise "+
			"the limit, or set its overflow to reject-publish", bytes, limit.Value, limit.From))
	case bytes == 0 && exceeds(math.MaxInt64, limit) && p.Messages > 0:
		p.refuse(fmt.Sprintf("the new queue would keep %d bytes (%s), and the broker does not say yet of how many bytes the "+
			"messages are: try again in some seconds, or set its overflow to reject-publish", limit.Value, limit.From))
	}
}

// exceeds reports whether a limit is set and lower than a number.
func exceeds(n int64, limit route.Setting) bool {
	most, ok := limit.Int()
	return ok && n > most
}

func (p *Plan) comparePolicies(policies *route.Policies) {
	name := func(a route.Applied) string {
		if a.Policy == nil {
			return "none"
		}
		return fmt.Sprintf("%q", a.Policy.Name)
	}
	for _, operator := range []bool{false, true} {
		before, after := name(policies.ForQueue(p.Job.From, operator)), name(policies.ForQueue(p.Job.To, operator))
		if before == after {
			continue
		}
		kind := "policy"
		if operator {
			kind = "operator policy"
		}
		p.Policies = append(p.Policies, fmt.Sprintf("%s: %s before, %s afterwards", kind, before, after))
	}
}

// hashing are the types of exchanges that choose a binding by a hash, among all of its bindings.
func hashing() []string { return []string{"x-consistent-hash", "x-modulus-hash"} }

// unroutable are the types of exchanges whose bindings cannot be led elsewhere. One routes to queues of
// its own node only. The other sends old messages to whatever is bound.
func unroutable() []string { return []string{"x-local-random", "x-recent-history"} }

func (p *Plan) checkBindings(live *topology.Live) {
	for _, o := range live.Objects() {
		b, ok := o.(*topology.Binding)
		if !ok || b.VHost != p.Job.From.VHost || b.DestinationType != topology.ToQueue || b.Destination != p.Job.From.Name {
			continue
		}
		p.Bindings++
		found, _ := live.Get(topology.ExchangeRef(b.VHost, b.Source))
		x, ok := found.(*topology.Exchange)
		if ok && slices.Contains(hashing(), x.Type) {
			p.Lost = append(p.Lost, fmt.Sprintf("which routing keys exchange %q leads to which of its queues: it distributes "+
				"them anew", x.Name))
		}
		if ok && slices.Contains(unroutable(), x.Type) {
			p.refuse(fmt.Sprintf("it is bound to exchange %q of type %s, which cannot lead to another exchange: remove the "+
				"binding first", x.Name, x.Type))
		}
	}
}

// findFeeding finds the queues whose dead letters come by the name of the queue.
func (p *Plan) findFeeding(live *topology.Live, policies *route.Policies) {
	for _, o := range live.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || q.VHost != p.Job.From.VHost || q.Name == p.Job.From.Name || Belongs(q.Name) {
			continue
		}
		dead := policies.Of(q).DeadLetter()
		if dead.Set() && dead.Exchange.Text() == "" && dead.Key.Text() == p.Job.From.Name {
			p.Job.Feeding = append(p.Job.Feeding, q.Name)
		}
	}
	slices.Sort(p.Job.Feeding)
	if p.Job.Renames() && len(p.Job.Feeding) > 0 {
		p.refuse(fmt.Sprintf("queues %s send their dead letters to the name %q: change that first",
			strings.Join(p.Job.Feeding, ", "), p.Job.From.Name))
	}
}

func (p *Plan) findLost(live *topology.Live, policies *route.Policies) {
	from, to := p.Job.From, p.Job.To
	lose := func(text string) { p.Lost = append(p.Lost, text) }
	lose("the age of a message: a TTL begins anew in the new queue")
	lose("the exchange that a message names as its own is the migration's; its routing key and headers stay")
	if limit, ok := policies.Of(from).Get("delivery-limit").Int(); from.Type == topology.Quorum && ok && limit >= 0 {
		lose(fmt.Sprintf("delivery counts begin anew; while the queue is drained, each death of msgctl counts as a delivery "+
			"of what is in flight, and after %d the queue drops or dead-letters it: have few in flight if that is low", limit))
	} else if from.Type == topology.Quorum {
		lose("delivery counts begin anew")
	}
	if from.Type == topology.Classic && to.Type == topology.Quorum &&
		capability.VersionAtLeast(live.Server.Version, "4.0") {
		lose("the order of messages with a priority above 4, which a quorum queue prefers")
	}
	if capability.VersionAtLeast(live.Server.Version, "4.0") {
		lose("the counts in x-death: the broker begins anew when it dead-letters a message that msgctl has moved")
	}
	if _, ok := from.Arguments["x-max-priority"]; ok && to.Arguments["x-max-priority"] == nil {
		lose("the order by priority")
	}
	if to.Type == topology.Stream {
		lose("a stream keeps every message that is consumed, until its own limits drop it")
	}
	if !slices.Contains(live.Server.Tags, "impersonator") {
		lose("the user_id of messages that others published, which goes into the header x-msgctl-user-id")
	}
}
