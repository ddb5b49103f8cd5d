package route

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Network simulates the routing of one vhost on one broker version. It is safe for concurrent use
// while the state that it was built from does not change.
type Network struct {
	vhost, version string
	exchanges      map[string]*exchange
	queues         map[string]*topology.Queue
	into           map[string][]*topology.Binding // by destination queue
	intoExchange   map[string][]*topology.Binding // by destination exchange
	policies       *Policies
}

// exchange is one exchange with its bindings and an index of them.
type exchange struct {
	name, typ string
	declared  *topology.Exchange // nil: predeclared
	bindings  []*topology.Binding
	byKey     map[string][]int // of a direct exchange
	topic     *trie            // of a topic exchange
}

// New builds the network of one vhost of s. version is the version of the broker, such as "4.3" or
// "4.3.6"; "" is capability.NewestLine. external are exchanges and queues that exist but are not in
// s. New assumes that the destination queues of the bindings of s also exist. The type of an
// external exchange is unknown: it may route to any of the destinations that s binds to it.
func New(s *topology.State, vhost, version string, external ...topology.Ref) *Network {
	version = cmp.Or(version, capability.NewestLine)
	n := &Network{
		vhost: vhost, version: version, exchanges: map[string]*exchange{}, queues: map[string]*topology.Queue{},
		into: map[string][]*topology.Binding{}, intoExchange: map[string][]*topology.Binding{},
	}
	for name, kind := range predeclared() {
		n.exchanges[name] = &exchange{name: name, typ: kind}
	}
	var policies []*topology.Policy
	bindings := map[string][]*topology.Binding{}
	for ref, o := range s.All() {
		if ref.VHost != vhost {
			continue
		}
		switch o := o.(type) {
		case *topology.Exchange:
			n.exchanges[o.Name] = &exchange{name: o.Name, typ: routesLike(o), declared: o}
		case *topology.Queue:
			n.queues[o.Name] = typed(s, o, version)
		case *topology.Policy:
			policies = append(policies, o)
		case *topology.Binding:
			bindings[o.Source] = append(bindings[o.Source], o)
		}
	}
	n.policies = NewPolicies(policies, version)
	for _, ref := range external {
		if ref.VHost == vhost {
			n.assume(ref.Kind, ref.Name)
		}
	}
	n.bind(bindings)
	return n
}

// typed returns the queue with the default queue type of the vhost if the files specify no type.
func typed(s *topology.State, q *topology.Queue, version string) *topology.Queue {
	kind := s.QueueType(q, version)
	if kind == q.Type {
		return q
	}
	t := *q
	t.Type = kind
	return &t
}

// assume adds an exchange or a queue that exists but is not declared.
func (n *Network) assume(kind topology.Kind, name string) {
	switch {
	case kind == topology.KindQueue && n.queues[name] == nil:
		n.queues[name] = &topology.Queue{VHost: n.vhost, Name: name, Type: External}
	case kind == topology.KindExchange && n.exchanges[name] == nil:
		n.exchanges[name] = &exchange{name: name, typ: External}
	}
}

// External is the type of exchanges and queues that are declared outside the state.
const External = "external"

// bind indexes the bindings. It skips those whose source or destination exchange does not exist,
// which a broker cannot have.
func (n *Network) bind(bindings map[string][]*topology.Binding) {
	for _, source := range slices.Sorted(maps.Keys(bindings)) {
		list := bindings[source]
		slices.SortFunc(list, compareBindings)
		x := n.exchanges[source]
		for _, b := range list {
			if b.DestinationType == topology.ToQueue {
				n.into[b.Destination] = append(n.into[b.Destination], b)
			} else {
				n.intoExchange[b.Destination] = append(n.intoExchange[b.Destination], b)
			}
			if x != nil && n.leadsSomewhere(b) {
				x.bindings = append(x.bindings, b)
			}
		}
		if x != nil {
			x.index()
		}
	}
}

func (n *Network) leadsSomewhere(b *topology.Binding) bool {
	if b.DestinationType == topology.ToExchange {
		return n.exchanges[b.Destination] != nil
	}
	n.assume(topology.KindQueue, b.Destination)
	return true
}

// compareBindings orders the bindings of one source as Ref.Compare does. It compares arguments
// last, because formatting them is slow.
func compareBindings(a, b *topology.Binding) int {
	return cmp.Or(
		strings.Compare(string(a.DestinationType), string(b.DestinationType)), strings.Compare(a.Destination, b.Destination),
		strings.Compare(a.RoutingKey, b.RoutingKey), compareArguments(a, b),
	)
}

func compareArguments(a, b *topology.Binding) int {
	if len(a.Arguments) == 0 && len(b.Arguments) == 0 {
		return 0
	}
	return strings.Compare(a.Arguments.Canonical(), b.Arguments.Canonical())
}

func (x *exchange) index() {
	switch x.typ {
	case Direct:
		x.byKey = make(map[string][]int, len(x.bindings))
		for i, b := range x.bindings {
			x.byKey[b.RoutingKey] = append(x.byKey[b.RoutingKey], i)
		}
	case TopicType:
		x.topic = &trie{}
		for i, b := range x.bindings {
			x.topic.add(b.RoutingKey, i)
		}
	}
}

// VHost returns the name of the vhost.
func (n *Network) VHost() string { return n.vhost }

// Policies returns the policies of the vhost.
func (n *Network) Policies() *Policies { return n.policies }

// Queue returns the queue of that name, or nil.
func (n *Network) Queue(name string) *topology.Queue { return n.queues[name] }

// QueueNames returns the names of all queues, ordered.
func (n *Network) QueueNames() []string { return slices.Sorted(maps.Keys(n.queues)) }

// ExchangeNames returns the names of all exchanges, including the predeclared ones, ordered.
func (n *Network) ExchangeNames() []string { return slices.Sorted(maps.Keys(n.exchanges)) }

// Exchange returns the declared exchange of that name. It returns nil if there is none or if it is
// predeclared.
func (n *Network) Exchange(name string) *topology.Exchange {
	if x := n.exchanges[name]; x != nil {
		return x.declared
	}
	return nil
}

// ExchangeType returns the type by which an exchange routes, and false if it does not exist. An
// x-delayed-message exchange routes by the type in its argument.
func (n *Network) ExchangeType(name string) (string, bool) {
	x := n.exchanges[name]
	if x == nil {
		return "", false
	}
	return x.typ, true
}

// From returns the bindings whose source is the exchange, ordered. It omits bindings whose
// destination does not exist. Callers must not change the list.
func (n *Network) From(exchange string) []*topology.Binding {
	if x := n.exchanges[exchange]; x != nil {
		return x.bindings
	}
	return nil
}

// Into returns the bindings whose destination is the queue.
func (n *Network) Into(queue string) []*topology.Binding { return n.into[queue] }

// IntoExchange returns the bindings whose destination is the exchange.
func (n *Network) IntoExchange(exchange string) []*topology.Binding { return n.intoExchange[exchange] }

// Settings returns the effective settings of a queue, which must exist.
func (n *Network) Settings(queue string) Settings { return n.policies.Of(n.queues[queue]) }

// Alternate returns the alternate exchange of an exchange. The Setting has no value if there is
// none (fact alternate-argument-wins).
func (n *Network) Alternate(exchange string) Setting {
	var arg Setting
	if x := n.Exchange(exchange); x != nil {
		if ae, ok := x.Arguments["alternate-exchange"].(string); ok {
			arg = Setting{Value: ae, From: "argument alternate-exchange"}
		}
	}
	if arg.Value != nil || len(n.policies.list) == 0 {
		return arg
	}
	return n.policies.ForExchange(exchange).Setting("alternate-exchange")
}
