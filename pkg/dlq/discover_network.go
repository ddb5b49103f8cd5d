package dlq

import (
	"cmp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// network is the routing part of one vhost: exchanges, what they are bound to, and alternate exchanges.
type network struct {
	vhost     string
	exchanges map[string]*topology.Exchange
	queues    map[string]*topology.Queue
	bound     map[string][]*topology.Binding // by source exchange
	into      map[string][]*topology.Binding // by destination queue
	intoX     map[string][]*topology.Binding // by destination exchange
	policies  *policySet
}

func newNetwork(s *topology.State, vhost, version string) *network {
	n := &network{
		vhost: vhost, exchanges: map[string]*topology.Exchange{}, queues: map[string]*topology.Queue{},
		bound: map[string][]*topology.Binding{}, into: map[string][]*topology.Binding{}, intoX: map[string][]*topology.Binding{},
		policies: &policySet{version: version},
	}
	for ref, o := range s.All() {
		if ref.VHost == vhost {
			n.add(o)
		}
	}
	for _, list := range n.bound {
		slices.SortFunc(list, func(a, b *topology.Binding) int { return a.Ref().Compare(b.Ref()) })
	}
	n.policies.sort()
	return n
}

func (n *network) add(o topology.Object) {
	switch o := o.(type) {
	case *topology.Exchange:
		n.exchanges[o.Name] = o
	case *topology.Queue:
		n.queues[o.Name] = o
	case *topology.Policy:
		n.policies.add(o)
	case *topology.Binding:
		n.bound[o.Source] = append(n.bound[o.Source], o)
		if o.DestinationType == topology.ToQueue {
			n.into[o.Destination] = append(n.into[o.Destination], o)
		} else {
			n.intoX[o.Destination] = append(n.intoX[o.Destination], o)
		}
	}
}

// exchangeType returns the type by which an exchange routes, and false when there is no such exchange.
func (n *network) exchangeType(name string) (string, bool) {
	x, ok := n.exchanges[name]
	if !ok {
		return predeclared(name)
	}
	if x.Type == "x-delayed-message" {
		if t, ok := x.Arguments["x-delayed-type"].(string); ok {
			return t, true
		}
	}
	return x.Type, true
}

func predeclared(name string) (string, bool) {
	if !topology.IsPredeclared(name) {
		return "", false
	}
	switch strings.TrimPrefix(name, "amq.") {
	case "fanout":
		return "fanout", true
	case "topic", "rabbitmq.trace":
		return "topic", true
	case "headers", "match":
		return "headers", true
	}
	return "direct", true
}

// alternate returns the alternate exchange, "" for none: the argument wins over a policy (seen on 3.10.8, 4.0.5, 4.3.6).
func (n *network) alternate(exchange string) string {
	x, ok := n.exchanges[exchange]
	if !ok {
		x = &topology.Exchange{VHost: n.vhost, Name: exchange}
	}
	if ae, ok := x.Arguments["alternate-exchange"].(string); ok {
		return ae
	}
	ae, _ := n.policies.forExchange(x.Name)["alternate-exchange"].(string)
	return ae
}

// gate is what one binding lets through.
type gate struct {
	p pattern
	// may says that more than the key decides: headers, a hash, a plugin.
	may bool
}

func gateOf(exchangeType string, b *topology.Binding) gate {
	switch exchangeType {
	case "direct":
		return gate{p: exactly(b.RoutingKey)}
	case "topic":
		return gate{p: topicPattern(b.RoutingKey)}
	case "fanout", "x-recent-history":
		return gate{p: anyKey()}
	case "headers":
		return gate{p: anyKey(), may: !matchesAllHeaders(b.Arguments)}
	}
	return gate{p: anyKey(), may: true}
}

// matchesAllHeaders says whether a headers binding lets every message through: x-match all (the default) with no header
// to compare. Arguments that begin with x- are not compared (seen on 3.10.8, 4.0.5, 4.3.6), but for all-with-x and any-with-x.
func matchesAllHeaders(args topology.Arguments) bool {
	mode, _ := args["x-match"].(string)
	switch cmp.Or(mode, "all") {
	case "all":
		return !slices.ContainsFunc(args.Keys(), func(k string) bool { return !strings.HasPrefix(k, "x-") })
	case "all-with-x":
		return len(args) <= 1
	}
	return false
}
