package export

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

func (inv *inventory) exchangeNode(x *topology.Exchange, bindings []*topology.Binding) *yaml.Node {
	o := &object{}
	o.put("type", textNode(x.Type))
	o.putFlags(x.Durable, x.AutoDelete)
	if x.Internal {
		o.put("internal", boolNode(true))
	}
	rest := x.Arguments.Clone()
	if text, ok := rest["alternate-exchange"].(string); ok {
		o.put("alternateExchange", textNode(text))
		delete(rest, "alternate-exchange")
	}
	short := len(bindings) == 0 && len(rest) == 0
	inv.putArguments(o, rest)
	o.putList("bindings", inv.bindingNodes(bindings))
	if short {
		return o.flow()
	}
	return o.node()
}

func (inv *inventory) queueNode(q *topology.Queue, bindings []*topology.Binding) *yaml.Node {
	o := &object{}
	if q.TypeDeclared {
		o.put("type", textNode(q.Type))
	}
	o.putFlags(q.Durable, q.AutoDelete)
	o.putList("bindings", inv.bindingNodes(bindings))
	rest := q.Arguments.Clone()
	inv.deadLetterNode(o, rest)
	inv.typedFields(o, rest)
	inv.putArguments(o, rest)
	if len(o.content) == 0 {
		return o.flow()
	}
	return o.node()
}

// typedFields writes the arguments that have a field, and takes them out of rest.
func (inv *inventory) typedFields(o *object, rest topology.Arguments) {
	groups := newGroups()
	for _, a := range capability.QueueArguments() {
		v, ok := rest[a.Name]
		group, field, nested := strings.Cut(a.Field, ".")
		if !ok || group == "deadLetter" || a.ValueProblem(v) != "" || a.Name == "x-delayed-retry-type" &&
			!slices.Contains(a.Values, v.(string)) {
			continue
		}
		delete(rest, a.Name)
		n := cmp.Or(quantityNode(v, a.Unit), inv.valueNode(v, a.Field))
		if a.Name == "x-delivery-limit" && v == int64(-1) {
			n = textNode("unlimited")
		}
		if nested {
			groups.in(group).put(field, n)
			continue
		}
		o.put(a.Field, n)
	}
	for i, group := range groups.names {
		o.put(group, groups.members[i].flow())
	}
}

// deadLetterNode writes deadLetter, in its short form where that says all.
func (inv *inventory) deadLetterNode(o *object, rest topology.Arguments) {
	const (
		exchangeArg = "x-dead-letter-exchange"
		keyArg      = "x-dead-letter-routing-key"
		strategyArg = "x-dead-letter-strategy"
	)
	exchange, hasExchange := rest[exchangeArg].(string)
	key, hasKey := rest[keyArg].(string)
	strategy, hasStrategy := rest[strategyArg].(string)
	hasStrategy = hasStrategy && (strategy == "at-most-once" || strategy == "at-least-once")
	if hasExchange && exchange == "" && hasKey && key != "" && !hasStrategy {
		o.put("deadLetter", textNode(key))
		delete(rest, exchangeArg)
		delete(rest, keyArg)
		return
	}
	d := &object{}
	for _, f := range []struct {
		has              bool
		arg, field, text string
	}{{hasExchange, exchangeArg, "exchange", exchange}, {hasKey, keyArg, "key", key}, {hasStrategy, strategyArg,
		"strategy", strategy}} {
		if f.has {
			d.put(f.field, textNode(f.text))
			delete(rest, f.arg)
		}
	}
	if len(d.content) > 0 {
		o.put("deadLetter", d.flow())
	}
}

func (inv *inventory) putArguments(o *object, rest topology.Arguments) {
	arguments := &object{}
	for _, name := range rest.Keys() {
		arguments.put(name, inv.valueNode(rest[name], name))
	}
	o.putObject("arguments", arguments)
}

func (inv *inventory) bindingNodes(bindings []*topology.Binding) []*yaml.Node {
	var list []*yaml.Node
	for _, b := range bindings {
		list = append(list, inv.bindingNode(b).flow())
	}
	return list
}

// bindingNode writes a binding's arguments as headers where its exchange reads them so.
func (inv *inventory) bindingNode(b *topology.Binding) *object {
	o := &object{}
	o.put("exchange", textNode(b.Source))
	if b.RoutingKey != "" {
		o.put("key", textNode(b.RoutingKey))
	}
	if !inv.readsHeaders(b) {
		inv.putArguments(o, b.Arguments)
		return o
	}
	rest := b.Arguments.Clone()
	if match, ok := rest["x-match"].(string); ok && slices.Contains([]string{"all", "any", "all-with-x", "any-with-x"},
		match) {
		o.put("match", textNode(match))
		delete(rest, "x-match")
	}
	headers := &object{}
	for _, name := range rest.Keys() {
		headers.put(name, inv.valueNode(rest[name], name))
	}
	o.putObject("headers", headers)
	return o
}

func (inv *inventory) readsHeaders(b *topology.Binding) bool {
	x, ok := inv.state.Get(topology.ExchangeRef(b.VHost, b.Source))
	return b.Source == "amq.headers" || b.Source == "amq.match" || ok && x.(*topology.Exchange).Type == "headers"
}
