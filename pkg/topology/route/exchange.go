package route

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// The exchange types that a broker has, and those of the plugins whose routing is known.
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

// predeclared are the exchanges that every vhost has from the start, and how they route.
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

// Choice says to how many of the destinations that it may choose from an exchange sends a message.
type Choice string

// The choices.
const (
	// All of the destinations: the exchange has no choice.
	All Choice = ""
	// OneOf them, by a hash or by chance.
	OneOf Choice = "one of"
	// AnyOf them, or none: the exchange is of a type that only its plugin knows.
	AnyOf Choice = "any of"
)

// ChoiceOf returns how an exchange of a type chooses among its destinations.
func ChoiceOf(exchangeType string) Choice {
	switch exchangeType {
	case Direct, Fanout, TopicType, HeadersType, RecentHistory:
		return All
	case ConsistentHash, ModulusHash, Random, LocalRandom:
		return OneOf
	}
	return AnyOf
}

// Gate is what one binding lets through.
type Gate struct {
	// Keys are the routing keys that it lets through.
	Keys Pattern
	// More says that more than the key decides: headers, a hash, chance, a plugin.
	More bool
}

// GateOf returns what a binding of an exchange of that type lets through.
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

// matched is a binding that lets a message through.
type matched struct {
	binding *topology.Binding
	// why says it in a few words: "binding order.* on orders.exchange".
	why string
}

// match returns the bindings that let a message through, in their order.
func (n *Network) match(x *exchange, m *Message) []matched {
	switch x.kind {
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
		list = append(list, matched{b, "binding" + withKey(x.kind, b.RoutingKey) + " on " + NameOf(x.name)})
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

// NameOf names an exchange for people: the default exchange has no name of its own.
func NameOf(exchange string) string {
	if exchange == "" {
		return "the default exchange"
	}
	return exchange
}
