package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// bindingRules are about bindings that have no effect, or not the one they seem to have.
func bindingRules() []Rule {
	return []Rule{
		{
			ID: "binding-dangling", Severity: Error, Title: "A binding whose source or destination does not exist",
			Consequence: "The broker refuses the binding. On an import of definitions, RabbitMQ 4 refuses the whole " +
				"file; RabbitMQ 3 silently skips the binding.",
			Fix: "Declare the exchange or queue, or correct its name.",
			Bad: "exchanges: { orders: { type: topic } }\nbindings: [{ exchange: orders, queue: order, key: a " +
				"}]\nqueues: { orders: {} }\n",
			Good: "exchanges: { orders: { type: topic } }\nbindings: [{ exchange: orders, queue: orders, key: a " +
				"}]\nqueues: { orders: {} }\n",
		},
		{
			ID: "binding-cannot-match", Severity: Error, Title: "A binding that no message can match", check: checkCannotMatch,
			Consequence: "The broker accepts the binding, but no message is ever routed through it.",
			Fix: "Match on a header (headers that begin with x- are compared only if match is all-with-x or " +
				"any-with-x), or give a consistent-hash binding a weight of at least 1.",
			Bad: "exchanges: { orders: { type: headers } }\nqueues: { a: { bindings: [{ exchange: orders, match: " +
				"any, headers: { x-kind: new } }] } }\n",
			Good: "exchanges: { orders: { type: headers } }\nqueues: { a: { bindings: [{ exchange: orders, match: " +
				"any-with-x, headers: { x-kind: new } }] } }\n",
		},
		{
			ID: "binding-ignores-headers", Severity: Error,
			Title: "Header matching on an exchange that ignores headers",
			Consequence: "The binding matches every message with its key, whatever the headers are: each queue " +
				"bound this way gets all of them.",
			Fix: "Use an exchange of type headers, or distinguish messages by their routing keys.",
			Bad: "exchanges: { orders: {} }\nqueues: { a: { bindings: [{ exchange: orders, match: any, headers: { " +
				"kind: new } }] } }\n",
			Good: "exchanges: { orders: { type: headers } }\nqueues: { a: { bindings: [{ exchange: orders, match: " +
				"any, headers: { kind: new } }] } }\n",
		},
		{
			ID: "binding-wildcard-literal", Severity: Warning, Title: "A wildcard that is taken literally",
			check: checkWildcards,
			Consequence: "* and # are wildcards only in a topic exchange, and only as a whole word between dots. " +
				"Anywhere else they are literal: the binding matches only keys that contain that very character.",
			Fix: "Use an exchange of type topic, and make the wildcard a word of its own: order.*, order.#.",
			Bad: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, key: order* " +
				"}] } }\n",
			Good: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, key: order.* " +
				"}] } }\n",
		},
		{
			ID: "binding-redundant", Severity: Note, Title: "A binding that another binding covers", check: checkRedundant,
			Consequence: "A queue gets one copy of a message however many bindings match. The binding changes " +
				"nothing, and removing it changes nothing either, which surprises whoever tries.",
			Fix: "Remove it, or remove the wider binding if that one was not intended.",
			Bad: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, keys: " +
				"[order.*, order.created] }] } }\n",
			Good: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, keys: " +
				"[order.*, user.created] }] } }\n",
		},
	}
}

// eachBinding calls f with every binding whose source exists, and the type of the source.
func (n *network) eachBinding(f func(b *topology.Binding, kind string)) {
	for _, o := range n.objects {
		if b, ok := o.(*topology.Binding); ok {
			if kind, exists := n.ExchangeType(b.Source); exists && b.Source != "" {
				f(b, kind)
			}
		}
	}
}

func checkCannotMatch(r *run) {
	for _, n := range r.nets {
		n.eachBinding(func(b *topology.Binding, kind string) {
			switch {
			case kind == route.HeadersType && neverMatches(b.Arguments):
				r.find(b.Ref(), "arguments.x-match", fmt.Sprintf("x-match %v has no header to compare, so it never matches",
					b.Arguments["x-match"]))
			case kind == route.ConsistentHash:
				if weight, err := strconv.Atoi(b.RoutingKey); err == nil && weight <= 0 {
					r.find(b.Ref(), "key", fmt.Sprintf("its weight is %d: a consistent-hash exchange routes nothing to it", weight))
				}
			}
		})
	}
}

// neverMatches reports whether a headers binding with any has no header to compare. Headers that
// begin with x- are compared only in the modes with x (fact headers-compare).
func neverMatches(args topology.Arguments) bool {
	mode, _ := args["x-match"].(string)
	if mode != "any" && mode != "any-with-x" {
		return false
	}
	return !slices.ContainsFunc(args.Keys(), func(k string) bool {
		return k != "x-match" && (mode == "any-with-x" || !strings.HasPrefix(k, "x-"))
	})
}

func checkWildcards(r *run) {
	for _, n := range r.nets {
		n.eachBinding(func(b *topology.Binding, kind string) {
			switch {
			case kind == route.Direct && wildcardWord(b.RoutingKey):
				r.find(b.Ref(), "key", fmt.Sprintf("exchange %q is of type direct, so the key %q matches only itself", b.Source,
					b.RoutingKey))
			case kind == route.TopicType && wildcardInWord(b.RoutingKey):
				r.find(b.Ref(), "key", fmt.Sprintf("in the key %q the wildcard is only part of a word and matches only itself",
					b.RoutingKey))
			}
		})
	}
}

// wildcardWord reports whether a word of the key would be a wildcard in a topic exchange.
func wildcardWord(key string) bool {
	return slices.ContainsFunc(route.Words(key), func(w string) bool { return w == "*" || w == "#" })
}

// wildcardInWord reports whether a word begins or ends with a wildcard and has other characters.
func wildcardInWord(key string) bool {
	return slices.ContainsFunc(route.Words(key), func(w string) bool {
		return len(w) > 1 && (strings.HasSuffix(w, "*") || strings.HasPrefix(w, "*") || w == "##" ||
			strings.HasSuffix(w, "#"))
	})
}

// mostCompared is how many bindings between one exchange and one destination are compared.
const mostCompared = 200

// checkRedundant compares the bindings between each exchange and destination.
func checkRedundant(r *run) {
	for _, n := range r.nets {
		groups := map[[3]string][]*topology.Binding{}
		n.eachBinding(func(b *topology.Binding, _ string) {
			id := [3]string{b.Source, string(b.DestinationType), b.Destination}
			groups[id] = append(groups[id], b)
		})
		for _, list := range groups {
			kind, _ := n.ExchangeType(list[0].Source)
			if len(list) < 2 || len(list) > mostCompared {
				continue
			}
			slices.SortFunc(list, func(a, b *topology.Binding) int {
				return cmp.Or(cmp.Compare(position(r, a), position(r, b)), a.Ref().Compare(b.Ref()))
			})
			for i, b := range list {
				if by := covering(kind, list, i); by != nil {
					r.find(b.Ref(), "key", fmt.Sprintf("the binding with the key %q covers it", by.RoutingKey))
				}
			}
		}
	}
}

func position(r *run, b *topology.Binding) int {
	at := r.in.State.Position(b.Ref())
	return at.Line*10000 + at.Column
}

// covering returns a binding that matches everything that the binding at i matches. Of two equal
// bindings, the first stays.
func covering(kind string, list []*topology.Binding, i int) *topology.Binding {
	for j, other := range list {
		if i == j {
			continue
		}
		wider, same := false, false
		switch kind {
		case route.Fanout, route.RecentHistory:
			wider, same = true, true
		case route.Direct:
			wider = other.RoutingKey == list[i].RoutingKey
			same = wider
		case route.TopicType:
			wider = Covers(other.RoutingKey, list[i].RoutingKey)
			same = wider && Covers(list[i].RoutingKey, other.RoutingKey)
		}
		if wider && (!same || j < i) {
			return other
		}
	}
	return nil
}

// Covers reports whether the topic pattern wide matches every key that narrow matches. It tries
// keys of narrow. For * they have a word that wide cannot contain, and for each # from none to one
// word more than wide has. More make no difference. It returns false if narrow has more than three
// # and the patterns differ.
func Covers(wide, narrow string) bool {
	w, n := route.Topic(wide), route.Topic(narrow)
	const most = 3
	open := 0
	for _, t := range n {
		if t.Kind == route.AnyWords {
			open++
		}
	}
	if open > most {
		return wide == narrow
	}
	counts := make([]int, open)
	for {
		if !w.Matches(instance(n, counts)) {
			return false
		}
		i := 0
		for ; i < open; i++ {
			if counts[i]++; counts[i] <= len(w)+1 {
				break
			}
			counts[i] = 0
		}
		if i == open {
			return true
		}
	}
}

// instance returns a key that the pattern matches. For * it has a word that occurs in no pattern,
// and for each # as many of these as counts says.
func instance(p route.Pattern, counts []int) string {
	const other = "\x01"
	var words []string
	at := 0
	for _, t := range p {
		switch t.Kind {
		case route.Literal:
			words = append(words, t.Word)
		case route.OneWord:
			words = append(words, other)
		default:
			for range counts[at] {
				words = append(words, other)
			}
			at++
		}
	}
	return strings.Join(words, ".")
}
