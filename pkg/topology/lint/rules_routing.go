package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// routingRules are about messages that reach no queue, and queues that receive no messages.
func routingRules() []Rule {
	return []Rule{
		{
			ID: "event-unroutable", Severity: Error, Title: "An event that is routed to no queue", check: checkEvents,
			Consequence: "The broker confirms the message and drops it, unless it was published with the mandatory " +
				"flag.",
			Fix: "Bind a queue with the event's routing key, or correct the event's exchange or key.",
			Bad: "exchanges: { orders: { type: topic } }\nqueues: { paid: { bindings: [{ exchange: orders, key: " +
				"order.paid }] } }\nevents: { order.created: { exchange: orders } }\n",
			Good: "exchanges: { orders: { type: topic } }\nqueues: { all: { bindings: [{ exchange: orders, key: " +
				"order.* }] } }\nevents: { order.created: { exchange: orders } }\n",
		},
		{
			ID: "exchange-without-bindings", Severity: Warning, Title: "An exchange without bindings", check: checkExchanges,
			Consequence: "Messages published to it are confirmed and dropped until somebody binds a queue.",
			Fix: "Bind a queue, or set an alternate exchange. If consumers bind their own queues at run time, " +
				"ignore this rule and say so as the reason.",
			Bad: "exchanges: { orders: { type: topic } }\nqueues: { orders: {} }\n",
			Good: "exchanges: { orders: { type: topic } }\nqueues: { orders: { bindings: [{ exchange: orders, key: " +
				"\"#\" }] } }\n",
		},
		{
			ID: "queue-unfed", Severity: Note, Title: "A queue without bindings", check: checkUnfed,
			Consequence: "No binding, dead-letter exchange or shovel leads to it. Only messages published to the " +
				"default exchange, with the queue's name as the routing key, reach it.",
			Fix: "Bind it, or keep it as it is if it is used by its name.",
			Bad: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, key: \"#\" " +
				"}] }, b: { bindings: [{ exchange: orders, key: b }] }, c: {} }\n",
			Good: "exchanges: { orders: { type: topic } }\nqueues: { a: { bindings: [{ exchange: orders, key: \"#\" " +
				"}] }, b: { bindings: [{ exchange: orders, key: b }] } }\n",
		},
		{
			ID: "exchange-type-unknown", Severity: Error, Title: "An unknown exchange type",
			check: checkTypes,
			Consequence: "The broker refuses the exchange: RabbitMQ 3 closes the connection, RabbitMQ 4 the " +
				"channel. Its bindings cannot be created either.",
			Fix:  "Use direct, fanout, topic or headers, or a type that a plugin provides; those begin with x-.",
			Bad:  "exchanges: { orders: { type: broadcast } }\n",
			Good: "exchanges: { orders: { type: fanout } }\n",
		},
		{
			ID: "alternate-exchange-missing", Severity: Error, Title: "An alternate exchange that does not exist",
			check: checkAlternate,
			Consequence: "Messages that match no binding are dropped, as if there were no alternate exchange: the " +
				"broker looks it up only when a message needs it.",
			Fix: "Declare the alternate exchange and bind a queue to it.",
			Bad: "exchanges: { orders: { type: topic, alternateExchange: unrouted } }\nqueues: { a: { bindings: [{ " +
				"exchange: orders, key: a }] } }\n",
			Good: "exchanges:\n  orders: { type: topic, alternateExchange: unrouted }\n  unrouted: { type: fanout " +
				"}\nqueues:\n  a: { bindings: [{ exchange: orders, key: a }] }\n  rest: { bindings: [{ exchange: unrouted }] }\n",
		},
	}
}

func checkEvents(r *run) {
	for _, e := range r.in.Events {
		n := r.net(e.VHost)
		if n == nil || r.in.External[n.exchangeRef(e.Exchange)] {
			continue
		}
		kind, exists := n.ExchangeType(e.Exchange)
		if !exists || kind == route.HeadersType || n.passesHeaders(e.Exchange, map[string]bool{}) ||
			n.moved[n.exchangeRef(e.Exchange)] {
			continue // not declared: already reported; headers depend on the publisher
		}
		t := n.Route(route.Publication{Exchange: e.Exchange, Key: e.Key})
		if !t.Lost() && t.Refused == "" {
			continue
		}
		message := fmt.Sprintf("it reaches no queue: exchange %q has no binding that matches the key %q", e.Exchange, e.Key)
		if t.Refused != "" {
			message = t.Refused
		}
		f := Finding{Rule: r.rule.ID, Severity: r.rule.Severity, Position: e.Position,
			Object: fmt.Sprintf("event %q", e.Name), Message: message, part: "event " + e.Name,
			Ref: n.exchangeRef(e.Exchange)}
		r.add(f)
	}
}

// passesHeaders reports whether a path from an exchange leads through a headers exchange.
func (n *network) passesHeaders(exchange string, seen map[string]bool) bool {
	if seen[exchange] {
		return false
	}
	seen[exchange] = true
	if kind, _ := n.ExchangeType(exchange); kind == route.HeadersType {
		return true
	}
	for _, b := range n.From(exchange) {
		if b.DestinationType == topology.ToExchange && n.passesHeaders(b.Destination, seen) {
			return true
		}
	}
	ae := n.Alternate(exchange).Text()
	return ae != "" && n.passesHeaders(ae, seen)
}

// checkExchanges skips files without queues: they add to what others declare.
func checkExchanges(r *run) {
	for _, n := range r.nets {
		if len(n.queues) == 0 {
			continue
		}
		for _, name := range n.ExchangeNames() {
			if n.Exchange(name) == nil || capability.IsPredeclared(name) || capability.IsReserved(name) ||
				len(n.bound[name]) > 0 ||
				n.Alternate(name).Value != nil || n.moved[n.exchangeRef(name)] || n.federated(name) ||
				r.losesThrough(n.exchangeRef(name)) {
				continue
			}
			r.find(n.exchangeRef(name), "", "nothing is bound to it")
		}
	}
}

// losesThrough reports whether a finding about dead letters that end in the exchange already covers
// it.
func (r *run) losesThrough(x topology.Ref) bool {
	return slices.ContainsFunc(r.in.DeadLetters.Losses,
		func(l Loss) bool { return l.Exchange == x.Name && l.Queue.VHost == x.VHost && !l.Replayed })
}

// federated reports whether federation brings messages here, or may take them to another broker.
func (n *network) federated(exchange string) bool {
	a := n.Policies().ForExchange(exchange)
	return a.Setting("federation-upstream").Value != nil || a.Setting("federation-upstream-set").Value != nil
}

func checkUnfed(r *run) {
	for _, n := range r.nets {
		if len(n.bound) == 0 {
			continue // no queue has bindings here
		}
		fed := n.defaultExchangeTargets()
		var unfed []string
		bound := 0
		for _, name := range n.queues {
			s := n.of(name).User
			switch {
			case r.deadLetters[n.queueRef(name)] != nil || fed[name] || n.moved[n.queueRef(name)] || n.expires(name):
			case s.Setting("federation-upstream").Value != nil || s.Setting("federation-upstream-set").Value != nil:
			case len(n.Into(name)) > 0:
				bound++
			default:
				unfed = append(unfed, name)
			}
		}
		if bound <= len(unfed) {
			continue // most queues here are used by their names
		}
		for _, name := range unfed {
			r.find(n.queueRef(name), "", "nothing is bound to it, while most queues here are bound")
		}
	}
}

// defaultExchangeTargets are the queues that dead letters reach through the default exchange.
func (n *network) defaultExchangeTargets() map[string]bool {
	fed := map[string]bool{}
	for _, name := range n.queues {
		d := n.of(name).DeadLetter()
		if key, ok := d.Key.Value.(string); ok && d.Set() && d.Exchange.Text() == "" {
			fed[key] = true
		}
	}
	return fed
}

func checkTypes(r *run) {
	for _, n := range r.nets {
		for _, name := range n.ExchangeNames() {
			x := n.Exchange(name)
			if x == nil || strings.HasPrefix(x.Type, "x-") || slices.Contains([]string{route.Direct, route.Fanout,
				route.TopicType, route.HeadersType}, x.Type) {
				continue
			}
			r.find(x.Ref(), "type", fmt.Sprintf("RabbitMQ has no exchange type %q", x.Type))
		}
	}
}

func checkAlternate(r *run) {
	for _, n := range r.nets {
		for _, name := range n.ExchangeNames() {
			ae := n.Alternate(name)
			if ae.Value == nil || r.has(n, ae.Text()) {
				continue
			}
			if ae.Policy != nil {
				r.find(ae.Policy.Ref(), "alternate-exchange",
					fmt.Sprintf("alternate-exchange %q does not exist, and the policy applies to exchange %q", ae.Text(), name))
				continue
			}
			r.find(n.exchangeRef(name), "alternate-exchange", fmt.Sprintf("its alternate exchange %q does not exist", ae.Text()))
		}
	}
}
