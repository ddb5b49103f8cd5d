package route_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// shape is a random topology with messages for it, as plain data, so that shrinking can remove
// parts. Names are short ("q0", "x1"). materialise adds a prefix to them, so that one vhost can
// contain many shapes.
type shape struct {
	Exchanges []xShape
	Queues    []qShape
	Bindings  []bShape
	Policies  []pShape
	Messages  []mShape
}

type xShape struct {
	Name, Kind string
	Internal   bool
	Arguments  args
}

type qShape struct {
	Name, Kind string
	// Late reports whether the queue has no consumer until messages with a TTL of their own have
	// expired.
	Late      bool
	Arguments args
}

type bShape struct {
	Source, Destination, Key string
	ToExchange               bool
	Arguments                args
}

type pShape struct {
	Operator bool
	Pattern  []string // names that it matches
	ApplyTo  string
	Priority int64
	Def      args
}

type mShape struct {
	Exchange, Key string
	Headers       args
	CC, BCC       []string
	// Expires gives the message a TTL of its own, shortTTL.
	Expires bool
	// Actions are the actions on copies, indexed by stage and copy.
	Actions []int
}

// line describes a broker to the generator.
type line struct {
	version string
	modern  bool // 4.x
}

// randomShape returns a topology that a broker of the line accepts. It returns the same topology
// for the same seed. It does not use rapid, which prefers small values and so generates mostly
// topologies in which no message arrives. shape.smaller shrinks a disagreement.
func randomShape(l line, seed int) shape {
	g := generator{r: rand.New(rand.NewPCG(uint64(seed), 1)), line: l} //nolint:gosec // chance, not a secret
	return g.shape()
}

type generator struct {
	r      *rand.Rand
	line   line
	xs, qs []string
	s      shape
}

func (g *generator) shape() shape {
	for i := range g.between(1, 5) {
		g.xs = append(g.xs, fmt.Sprint("x", i))
	}
	for i := range g.between(2, 5) {
		g.qs = append(g.qs, fmt.Sprint("q", i))
	}
	for _, name := range g.xs {
		g.exchange(name)
	}
	for _, name := range g.qs {
		g.queue(name)
	}
	for range g.between(1, 12) {
		g.binding()
	}
	for i := range g.between(0, 4) {
		g.policy(int64(i))
	}
	for range messagesPerShape {
		g.message()
	}
	return g.s
}

// messagesPerShape is the number of messages, and so of cases, per topology.
const messagesPerShape = 25

func (g *generator) between(low, high int) int { return low + g.r.IntN(high-low+1) }

func (g *generator) chance(percent int) bool { return g.between(1, 100) <= percent }

func (g *generator) of(list ...string) string { return list[g.r.IntN(len(list))] }

// key returns a routing key: a key of the vocabulary or the name of a queue.
func (g *generator) key() string {
	if g.chance(15) {
		return g.of(g.qs...)
	}
	return g.of("a", "b", "a.b", "a.b.c", "b.a", "", "a.")
}

func (g *generator) exchange(name string) {
	kinds := []string{"direct", "fanout", "topic", "topic", "headers", "x-consistent-hash"}
	if g.line.modern {
		kinds = append(kinds, "x-local-random")
	}
	x := xShape{Name: name, Kind: g.of(kinds...), Internal: g.chance(10), Arguments: args{}}
	if g.chance(25) {
		x.Arguments["alternate-exchange"] = g.exchangeName()
		if g.chance(10) {
			x.Arguments["alternate-exchange"] = "" // the default exchange
		}
	}
	g.s.Exchanges = append(g.s.Exchanges, x)
}

// exchangeName returns the name of an exchange, which sometimes does not exist.
func (g *generator) exchangeName() string {
	if g.chance(6) {
		return "gone"
	}
	return g.of(g.xs...)
}

func (g *generator) queue(name string) {
	q := qShape{Name: name, Kind: "classic", Arguments: args{}}
	switch {
	case g.chance(30):
		q.Kind = "quorum"
	case g.chance(6):
		q.Kind = "stream"
		g.s.Queues = append(g.s.Queues, q)
		return
	}
	q.Late = g.chance(15)
	if g.chance(60) {
		q.Arguments["x-dead-letter-exchange"] = g.deadLetterExchange()
		if g.chance(60) {
			q.Arguments["x-dead-letter-routing-key"] = g.key()
		}
	}
	switch {
	case g.chance(20):
		q.Arguments["x-message-ttl"] = shortTTL
	case g.chance(12):
		q.Arguments["x-max-length"] = int64(0)
		if q.Kind == "classic" && g.chance(60) {
			q.Arguments["x-overflow"] = g.of("reject-publish-dlx", "reject-publish")
		}
	case q.Kind == "quorum" && g.chance(60):
		q.Arguments["x-delivery-limit"] = g.limit(false)
	}
	if _, limited := q.Arguments["x-max-length"]; q.Kind == "quorum" && !limited && g.chance(25) {
		q.Arguments["x-dead-letter-strategy"], q.Arguments["x-overflow"] = "at-least-once", g.of("reject-publish",
			"reject-publish", "drop-head")
	}
	g.s.Queues = append(g.s.Queues, q)
}

// limit returns a delivery limit. It is often 0, so that messages die. -1 means no limit on 4.x and
// 0 on 3.10, which refuses it in policies.
func (g *generator) limit(policy bool) int64 {
	list := []int64{-1, 0, 0, 0, 1, 2}
	if policy && !g.line.modern {
		list = list[1:]
	}
	return list[g.r.IntN(len(list))]
}

// shortTTL is the TTL, in milliseconds, of messages that expire. Queues that expire messages have
// no consumer.
const shortTTL = int64(15)

func (g *generator) deadLetterExchange() string {
	if g.chance(25) {
		return ""
	}
	return g.exchangeName()
}

func (g *generator) binding() {
	x := g.s.Exchanges[g.r.IntN(len(g.s.Exchanges))]
	b := bShape{Source: x.Name, ToExchange: g.chance(25), Arguments: args{}}
	b.Destination = g.of(g.qs...)
	if b.ToExchange {
		b.Destination = g.of(g.xs...)
	}
	switch x.Kind {
	case "topic":
		b.Key = g.of("a", "a.*", "#", "*", "*.b", "a.#", "#.c", "a.b", "", "#.b.#", "*.*", "a.#.c")
	case "x-consistent-hash":
		b.Key = g.of("1", "2", "10")
	case "headers":
		b.Arguments = g.match()
	case "x-local-random": // takes classic queues only
		at := slices.IndexFunc(g.s.Queues, func(q qShape) bool { return q.Kind == "classic" })
		if at < 0 {
			return
		}
		b.Key, b.ToExchange, b.Destination = "", false, g.s.Queues[at].Name
		if g.chance(50) {
			b.Destination = lastClassic(g.s.Queues)
		}
	default:
		b.Key = g.key()
	}
	g.s.Bindings = append(g.s.Bindings, b)
}

func lastClassic(list []qShape) string {
	for _, q := range slices.Backward(list) {
		if q.Kind == "classic" {
			return q.Name
		}
	}
	return ""
}

// headers returns at most three random headers, whose names are from the list.
func (g *generator) headers(names ...string) args {
	h := args{}
	for range g.between(0, 3) {
		h[g.of(names...)] = g.value()
	}
	return h
}

func (g *generator) value() any {
	list := []any{int64(1), int64(2), "1", "z", true, 1.0, 1.5}
	return list[g.r.IntN(len(list))]
}

func (g *generator) match() args {
	a := g.headers("h", "i", "x-h")
	if g.chance(20) {
		a[g.of("h", "i", "x-h", "x-first-death-queue", "x-last-death-queue", "x-death", "CC")] = nil
	}
	if g.chance(10) {
		a[g.of("x-first-death-reason", "x-last-death-reason")] = g.of("rejected", "expired")
	}
	if g.chance(10) {
		a[g.of("x-first-death-queue", "x-last-death-queue")] = g.of(g.qs...)
	}
	if g.chance(80) {
		a["x-match"] = g.of("all", "any", "all-with-x", "any-with-x")
	}
	return a
}

func (g *generator) policy(priority int64) {
	p := pShape{Priority: priority, ApplyTo: g.of("all", "queues", "exchanges"), Def: args{}}
	if g.line.modern && g.chance(30) {
		p.ApplyTo = g.of("classic_queues", "quorum_queues")
	}
	for _, name := range slices.Concat(g.qs, g.xs) {
		if g.chance(60) {
			p.Pattern = append(p.Pattern, name)
		}
	}
	if g.chance(20) {
		p.Operator, p.ApplyTo = true, "queues"
		list := []args{{"message-ttl": shortTTL}, {"max-length": int64(0)}, {"delivery-limit": g.limit(true)},
			{"message-ttl": shortTTL, "delivery-limit": g.limit(true)}}
		p.Def = list[g.r.IntN(len(list))]
		g.s.Policies = append(g.s.Policies, p)
		return
	}
	if g.chance(60) {
		p.Def["dead-letter-exchange"] = g.deadLetterExchange()
	}
	if g.chance(40) {
		p.Def["dead-letter-routing-key"] = g.key()
	}
	if g.chance(30) {
		p.Def["alternate-exchange"] = g.exchangeName()
	}
	if g.chance(12) {
		p.Def["message-ttl"] = shortTTL
	}
	if g.chance(20) {
		p.Def["delivery-limit"] = g.limit(true)
	}
	if g.chance(10) {
		p.Def["queue-mode"] = "lazy" // keeps the policy away from quorum queues
	}
	if g.chance(10) {
		p.Def["dead-letter-strategy"], p.Def["overflow"] = "at-least-once", "reject-publish"
	}
	if len(p.Def) > 0 {
		g.s.Policies = append(g.s.Policies, p)
	}
}

func (g *generator) message() {
	m := mShape{Key: g.key(), Headers: g.headers("h", "i", "x-h")}
	for _, x := range g.s.Exchanges {
		if !x.Internal && g.chance(40) {
			m.Exchange = x.Name
		}
	}
	if g.chance(10) {
		m.Headers[g.of("h", "i")] = []any{"list"}
	}
	if g.chance(15) {
		m.CC = []string{g.key()}
		if g.chance(40) {
			m.CC = append(m.CC, g.key())
		}
	}
	if g.chance(10) {
		m.BCC = []string{g.key()}
	}
	m.Expires = g.chance(15)
	for range 12 {
		m.Actions = append(m.Actions, g.between(0, 5))
	}
	g.s.Messages = append(g.s.Messages, m)
}

// late returns the names of the queues that have no consumer at first.
func (s shape) late(prefix string) map[string]bool {
	names := map[string]bool{}
	for _, q := range s.Queues {
		names[prefix+q.Name] = q.Late
	}
	return names
}

// materialise returns the objects of the shape in a vhost, with a prefix in their names.
func (s shape) materialise(vhost, prefix string) []topology.Object {
	r := renamer{s: s, prefix: prefix}
	var list []topology.Object
	for _, x := range s.Exchanges {
		list = append(list, &topology.Exchange{VHost: vhost, Name: r.name(x.Name), Type: x.Kind, Durable: true,
			Internal: x.Internal, Arguments: r.args(x.Arguments)})
	}
	for _, q := range s.Queues {
		list = append(list, &topology.Queue{VHost: vhost, Name: r.name(q.Name), Type: q.Kind, Durable: true,
			Arguments: r.args(q.Arguments)})
	}
	for _, b := range s.Bindings {
		to := topology.ToQueue
		if b.ToExchange {
			to = topology.ToExchange
		}
		list = append(list, &topology.Binding{VHost: vhost, Source: r.name(b.Source), Destination: r.name(b.Destination),
			DestinationType: to,
			RoutingKey:      r.name(b.Key), Arguments: r.args(b.Arguments)})
	}
	for i, p := range s.Policies {
		pattern := "^(none"
		for _, name := range p.Pattern {
			pattern += "|" + r.name(name)
		}
		list = append(list, &topology.Policy{VHost: vhost, Operator: p.Operator, Name: fmt.Sprint(prefix, "p", i),
			Pattern: pattern + ")$", ApplyTo: p.ApplyTo,
			Priority: p.Priority, Definition: r.args(p.Def)})
	}
	return list
}

type renamer struct {
	s      shape
	prefix string
}

// name adds the prefix to text if it is the name of an object, even if it is used as a routing key.
func (r renamer) name(text string) string {
	named := text == "gone" || slices.ContainsFunc(r.s.Exchanges, func(x xShape) bool { return x.Name == text }) ||
		slices.ContainsFunc(r.s.Queues, func(q qShape) bool { return q.Name == text })
	if named {
		return r.prefix + text
	}
	return text
}

func (r renamer) args(a args) args {
	out := args{}
	for k, v := range a {
		if s, ok := v.(string); ok {
			v = r.name(s)
		}
		out[k] = v
	}
	return amqptable.NormaliseTable(out)
}
