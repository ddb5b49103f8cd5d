package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// New returns the graph of a state. It does no I/O and does not change s.
func New(s *topology.State, o Options) *Graph {
	g := &Graph{Name: s.Name}
	s = s.Typed(o.Version)
	for _, vhost := range s.VHosts() {
		if o.VHosts == nil || slices.Contains(o.VHosts, vhost) {
			b := builder{g: g, o: o, vhost: vhost, net: route.New(s, vhost, o.Version), at: map[topology.Ref]int{},
				edges: map[edgeID]int{}}
			b.build(s)
		}
	}
	return g
}

// builder adds one vhost.
type builder struct {
	g     *Graph
	o     Options
	vhost string
	net   *route.Network
	at    map[topology.Ref]int
	edges map[edgeID]int
}

type edgeID struct {
	from, to int
	kind     EdgeKind
}

func (b *builder) build(s *topology.State) {
	first := len(b.g.Edges)
	b.events()
	for _, o := range s.Objects() {
		switch x := o.(type) {
		case *topology.Exchange:
			// add predeclared exchanges only if they are used
			if x.VHost == b.vhost && !capability.IsPredeclared(x.Name) && !capability.IsReserved(x.Name) {
				b.exchange(x)
			}
		case *topology.Queue:
			if x.VHost == b.vhost {
				b.queue(x)
			}
		}
	}
	for _, o := range s.Objects() {
		if x, ok := o.(*topology.Binding); ok && x.VHost == b.vhost {
			b.binding(x)
		}
	}
	for _, name := range b.net.ExchangeNames() {
		if ae := b.net.Alternate(name); ae.Value != nil {
			b.edge(b.exchangeNode(name), b.exchangeNode(ae.Text()), Alternate, "")
		}
	}
	b.scheduledRetries(s)
	for _, name := range b.net.QueueNames() {
		b.deadLetters(name)
	}
	b.namedRetries()
	b.roles(first)
	for i := first; i < len(b.g.Edges); i++ {
		slices.Sort(b.g.Edges[i].Labels)
		b.g.Edges[i].Labels = slices.Compact(b.g.Edges[i].Labels)
	}
}

func (b *builder) events() {
	for _, e := range b.o.Events {
		if e.VHost == b.vhost {
			b.g.Nodes = append(b.g.Nodes, Node{Ref: topology.Ref{Name: e.Name, VHost: e.VHost}, Role: Event, Type: "event",
				Facts: facts("routing key", e.Key)})
			b.edge(len(b.g.Nodes)-1, b.exchangeNode(e.Exchange), Publish, withoutEcho(e.Key, e.Name))
		}
	}
}

// withoutEcho returns the label, or "" if it only repeats the name of a node at the end of the
// edge.
func withoutEcho(label, name string) string {
	if label == name {
		return ""
	}
	return label
}

func (b *builder) add(n Node) int {
	n.Problems = b.o.Problems[n.Ref]
	n.Status = b.o.Status[n.Ref]
	b.g.Nodes = append(b.g.Nodes, n)
	b.at[n.Ref] = len(b.g.Nodes) - 1
	return len(b.g.Nodes) - 1
}

// exchangeNode returns the node of an exchange, which it adds if necessary. An exchange that does
// not exist has the role Missing.
func (b *builder) exchangeNode(name string) int {
	ref := topology.ExchangeRef(b.vhost, name)
	if i, ok := b.at[ref]; ok {
		return i
	}
	if x := b.net.Exchange(name); x != nil {
		return b.exchange(x)
	}
	if kind, ok := b.net.ExchangeType(name); ok {
		return b.add(Node{Ref: ref, Type: kind})
	}
	return b.add(Node{Ref: ref, Role: Missing, Type: "missing"})
}

func (b *builder) queueNode(name string) int {
	ref := topology.QueueRef(b.vhost, name)
	if i, ok := b.at[ref]; ok {
		return i
	}
	return b.add(Node{Ref: ref, Role: Missing, Type: "missing"})
}

func (b *builder) exchange(x *topology.Exchange) int {
	if i, ok := b.at[x.Ref()]; ok {
		return i
	}
	n := Node{Ref: x.Ref(), Type: cmp.Or(x.Type, route.Direct)}
	if x.Internal {
		n.Facts = append(n.Facts, Fact{"internal", "accepts messages from exchanges only"})
	}
	if !x.Durable {
		n.Facts = append(n.Facts, Fact{"durable", "no"})
	}
	return b.add(n)
}

func (b *builder) queue(q *topology.Queue) {
	n := Node{Ref: q.Ref(), Type: q.Type, Facts: b.queueFacts(q)}
	b.add(n)
}

func (b *builder) edge(from, to int, kind EdgeKind, label string) *Edge {
	id := edgeID{from, to, kind}
	i, ok := b.edges[id]
	if !ok {
		i = len(b.g.Edges)
		b.edges[id] = i
		b.g.Edges = append(b.g.Edges, Edge{From: from, To: to, Kind: kind})
	}
	if label != "" {
		b.g.Edges[i].Labels = append(b.g.Edges[i].Labels, label)
	}
	return &b.g.Edges[i]
}

func (b *builder) binding(x *topology.Binding) {
	var to int
	if x.DestinationType == topology.ToExchange {
		to = b.exchangeNode(x.Destination)
	} else {
		to = b.queueNode(x.Destination)
	}
	e := b.edge(b.exchangeNode(x.Source), to, Binding, b.match(x))
	e.Problems = append(e.Problems, b.o.Problems[x.Ref()]...)
}

// match describes what a binding matches in a few words. A fanout exchange ignores the key.
func (b *builder) match(x *topology.Binding) string {
	kind, _ := b.net.ExchangeType(x.Source)
	switch {
	case kind == route.Fanout || kind == route.RecentHistory:
		return ""
	case kind == route.HeadersType || len(x.Arguments) > 0 && x.RoutingKey == "":
		return headers(x.Arguments)
	case x.RoutingKey == "" && (kind == route.Direct || kind == route.TopicType):
		return `""`
	case kind == route.Direct && x.DestinationType == topology.ToQueue:
		return withoutEcho(x.RoutingKey, x.Destination)
	}
	return x.RoutingKey
}

func headers(args topology.Arguments) string {
	if len(args) == 0 {
		return "all"
	}
	var parts []string
	for _, k := range args.Keys() {
		if k == "x-match" {
			continue
		}
		v := amqptable.Canonical(args[k])
		if text, ok := args[k].(string); ok {
			v = text
		}
		parts = append(parts, k+"="+v)
	}
	joint := " and "
	if mode, _ := args["x-match"].(string); strings.HasPrefix(mode, "any") {
		joint = " or "
	}
	return strings.Join(parts, joint)
}

// deadLetters adds the edge for the dead letters of a queue. If the dead-letter exchange is the
// default exchange, the edge leads directly to the queue that the dead-letter routing key names.
// Without such a key there is no edge. There is none either from the queue of one connection to
// what does not exist: such a queue may mean to drop its messages, as that of msgctl tail does.
func (b *builder) deadLetters(queue string) {
	d := b.net.Settings(queue).DeadLetter()
	if !d.Set() || b.net.Queue(queue).Exclusive && !b.exists(d) {
		return
	}
	from := b.queueNode(queue)
	key, hasKey := d.Key.Value.(string)
	switch {
	case d.Exchange.Text() != "":
		to := b.exchangeNode(d.Exchange.Text())
		b.edge(from, to, DeadLetter, key).Lost = b.o.Losing[b.g.Nodes[from].Ref]
	case hasKey:
		to := b.queueNode(key)
		b.edge(from, to, DeadLetter, "").Lost = b.o.Losing[b.g.Nodes[from].Ref]
	}
}

// exists reports whether dead letters have an exchange, or the queue that the key names if that is
// the default exchange.
func (b *builder) exists(d route.DeadLetter) bool {
	if x := d.Exchange.Text(); x != "" {
		_, ok := b.net.ExchangeType(x)
		return ok
	}
	return b.net.Queue(d.Key.Text()) != nil
}

func facts(pairs ...string) []Fact {
	var list []Fact
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, Fact{pairs[i], pairs[i+1]})
		}
	}
	return list
}

// duration formats milliseconds for people: 24h, 1m30s.
func duration(ms int64) string {
	text := (time.Duration(ms) * time.Millisecond).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// queueFacts returns the effective settings of a queue.
func (b *builder) queueFacts(q *topology.Queue) []Fact {
	s := b.net.Settings(q.Name)
	var list []Fact
	for _, key := range []string{"message-ttl", "expires", "max-length", "max-length-bytes", "overflow", "delivery-limit",
		"dead-letter-exchange", "dead-letter-routing-key"} {
		v := s.Get(key)
		if v.Value == nil {
			continue
		}
		text := amqptable.Canonical(v.Value)
		if t, ok := v.Value.(string); ok {
			text = cmp.Or(t, "the default exchange")
		}
		if known, _ := capability.LookupPolicyKey(key); known.Unit == capability.Milliseconds {
			if ms, ok := v.Int(); ok {
				text = duration(ms)
			}
		}
		if v.Policy != nil {
			text += fmt.Sprintf(" (%s)", v.Source())
		}
		list = append(list, Fact{strings.ReplaceAll(key, "-", " "), text})
	}
	return append(list, ownRetries(s)...)
}
