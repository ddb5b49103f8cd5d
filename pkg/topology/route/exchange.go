package route

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// The exchange types of the broker, and those of plugins whose routing is simulated.
const (
	Direct         = "direct"
	Fanout         = "fanout"
	TopicType      = "topic"
	HeadersType    = "headers"
	ConsistentHash = "x-consistent-hash"
	ModulusHash    = "x-modulus-hash"
	Random         = "x-random"
	LocalRandom    = "x-local-random"
	RecentHistory  = "x-recent-history"
)

// predeclared returns the exchanges that every vhost has, with their types.
func predeclared() map[string]string {
	return map[string]string{
		"": Direct, "amq.direct": Direct, "amq.fanout": Fanout, "amq.topic": TopicType, "amq.headers": HeadersType,
		"amq.match": HeadersType, "amq.rabbitmq.trace": TopicType,
	}
}

func routesLike(x *topology.Exchange) string {
	if x.Type == "x-delayed-message" {
		if t, ok := x.Arguments["x-delayed-type"].(string); ok {
			return t
		}
	}
	return x.Type
}

// Choice says to how many of the matching destinations an exchange sends a message.
type Choice string

// The choices.
const (
	// All destinations: the exchange has no choice.
	All Choice = ""
	// OneOf the destinations, by hash or at random.
	OneOf Choice = "one of"
	// AnyOf the destinations, or none: the exchange has an unknown type.
	AnyOf Choice = "any of"
)

// ChoiceOf returns the Choice of an exchange type.
func ChoiceOf(exchangeType string) Choice {
	switch exchangeType {
	case Direct, Fanout, TopicType, HeadersType, RecentHistory:
		return All
	case ConsistentHash, ModulusHash, Random, LocalRandom:
		return OneOf
	}
	return AnyOf
}

// Gate describes what one binding matches.
type Gate struct {
	// Keys are the routing keys that match.
	Keys Pattern
	// More reports whether the match also depends on something else: headers, a hash, chance or a
	// plugin.
	More bool
}

// GateOf returns what a binding of an exchange of that type matches.
func GateOf(exchangeType string, b *topology.Binding) Gate {
	switch exchangeType {
	case Direct:
		return Gate{Keys: Exactly(b.RoutingKey)}
	case TopicType:
		return Gate{Keys: Topic(b.RoutingKey)}
	case Fanout, RecentHistory:
		return Gate{Keys: AnyKey()}
	case HeadersType:
		return Gate{Keys: AnyKey(), More: !MatchesAllHeaders(b.Arguments)}
	}
	return Gate{Keys: AnyKey(), More: true}
}

// matched is a binding that matches a message.
type matched struct {
	binding *topology.Binding
	// why describes the binding in a few words: "binding order.* on orders.exchange".
	why string
}

// match returns the bindings that match a message, in order.
func (n *Network) match(x *exchange, m *Message) []matched {
	switch x.typ {
	case Direct:
		return x.matchKeys(m, func(key string, found func(int)) {
			for _, i := range x.byKey[key] {
				found(i)
			}
		})
	case TopicType:
		if x.topic == nil {
			return nil
		}
		return x.matchKeys(m, x.topic.match)
	case HeadersType:
		return n.matchHeaders(x, m)
	}
	var list []matched
	for _, b := range x.bindings {
		list = append(list, matched{b, "binding" + withKey(x.typ, b.RoutingKey) + " on " + NameOf(x.name)})
	}
	return list
}

// matchKeys matches every key of the message: its own, CC and BCC.
func (x *exchange) matchKeys(m *Message, match func(key string, found func(int))) []matched {
	var list []matched
	var seen map[int]bool
	for i, key := range m.Keys {
		match(key, func(at int) {
			if seen[at] {
				return
			}
			if len(m.Keys) > 1 {
				if seen == nil {
					seen = map[int]bool{}
				}
				seen[at] = true
			}
			b := x.bindings[at]
			why := "binding " + quoteKey(b.RoutingKey) + " on " + NameOf(x.name)
			if i > 0 {
				why += ", by the " + m.nameOfKey(i) + " key " + quoteKey(key)
			}
			list = append(list, matched{b, why})
		})
	}
	return list
}

func (n *Network) matchHeaders(x *exchange, m *Message) []matched {
	headers := m.routingHeaders(n.version)
	var list []matched
	for _, b := range x.bindings {
		if ok, why := matchHeaders(b.Arguments, headers, n.version); ok {
			list = append(list, matched{b, "binding " + describeArguments(b.Arguments) + " on " + NameOf(x.name) + ": " + why})
		}
	}
	return list
}

func withKey(kind, key string) string {
	if kind == ConsistentHash {
		return " of weight " + key
	}
	return ""
}

func quoteKey(key string) string {
	if key == "" || strings.ContainsAny(key, " \t,\"") {
		return strconv.Quote(key)
	}
	return key
}

func describeArguments(args topology.Arguments) string {
	parts := make([]string, 0, len(args))
	for _, k := range args.Keys() {
		v := amqptable.Canonical(args[k])
		if s, ok := args[k].(string); ok {
			v = s
		}
		parts = append(parts, k+"="+v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// NameOf returns the name of an exchange for people, "the default exchange" for "".
func NameOf(exchange string) string {
	if exchange == "" {
		return "the default exchange"
	}
	return exchange
}
