package lint

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// deadLetterRules are about the path of dead letters out of their queue.
func deadLetterRules() []Rule {
	return []Rule{
		{
			ID: "dead-letter-unroutable", Severity: Error, Title: "Dead letters that reach no queue", check: checkUnroutable,
			Consequence: "The broker silently drops every such dead letter. There is no error, no log line, and no " +
				"counter that anybody watches.",
			Fix: "Bind a queue to the dead-letter exchange with the key that the dead letters have: deadLetter.key " +
				"or, without it, the key that the message was published with.",
			Bad: "exchanges: { dlx: { type: direct } }\nqueues:\n  orders: { deadLetter: { exchange: dlx, key: " +
				"orders.dead } }\n  dead: { bindings: [{ exchange: dlx, key: order.dead }] }\n",
			Good: "exchanges: { dlx: { type: direct } }\nqueues:\n  orders: { deadLetter: { exchange: dlx, key: " +
				"orders.dead } }\n  dead: { bindings: [{ exchange: dlx, key: orders.dead }] }\n",
		},
		{
			ID: "dead-letter-exchange-missing", Severity: Error, Title: "A dead-letter exchange that does not exist",
			check: checkExchangeMissing,
			Consequence: "The broker accepts the queue and drops every dead letter: it looks up the exchange only " +
				"when a message is dead-lettered.",
			Fix: "Declare the exchange and bind a queue to it. If somebody else declares it, list it under external.",
			Bad: "queues: { orders: { deadLetter: { exchange: dlx, key: dead } } }\n",
			Good: "exchanges: { dlx: {} }\nqueues:\n  orders: { deadLetter: { exchange: dlx, key: dead } }\n  dead: { " +
				"bindings: [{ exchange: dlx, key: dead }] }\n",
		},
		{
			ID: "dead-letter-shadowed", Severity: Error,
			Title: "A policy that hides the dead-letter exchange of another policy", check: checkShadowed,
			Consequence: "Only the policy with the highest priority applies to a queue, and policies are not " +
				"merged. The queue has no dead-letter exchange, and its dead letters are dropped.",
			Fix: "Repeat dead-letter-exchange in the policy that applies, or set it as an argument of the queue.",
			Bad: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  letters: { pattern: ^orders$, definition: { dead-letter-exchange: dlx } }\n  limit: { " +
				"pattern: ^orders$, priority: 5, definition: { max-length: 1000 } }\n",
			Good: "exchanges: { dlx: { type: fanout } }\nqueues: { orders: {}, dead: { bindings: [{ exchange: dlx }] " +
				"} }\npolicies:\n  letters: { pattern: ^orders, definition: { dead-letter-exchange: dlx } }\n  limit: { " +
				"pattern: ^orders$, priority: 5, definition: { max-length: 1000, dead-letter-exchange: dlx } }\n",
		},
		{
			ID: "dead-letter-cycle", Severity: Error,
			Title: "Dead letters that return to the queue in which they expired",
			check: checkCycle,
			Consequence: "The broker drops a dead letter that returns to a queue in which it died before, unless a " +
				"consumer has rejected it since. A message that expires twice is lost.",
			Fix: "End the cycle in a queue without a TTL or without a dead-letter exchange. Retry steps are safe " +
				"if the work queue itself has no TTL.",
			Bad: "queues:\n  orders: { messageTTL: 1h, deadLetter: orders.wait }\n  orders.wait: { messageTTL: 30s, " +
				"deadLetter: orders }\n",
			Good: "queues:\n  orders: { deadLetter: orders.wait }\n  orders.wait: { messageTTL: 30s, deadLetter: " +
				"orders }\n",
		},
		{
			ID: "dead-letter-loop", Severity: Warning, Title: "Rejected messages that return directly to their queue",
			check: checkLoop,
			Consequence: "A message that a consumer rejects is delivered again at once, forever, as fast as broker " +
				"and consumer can: one poison message keeps both busy.",
			Fix: "Send dead letters to another queue, or through a wait queue with a TTL.",
			Bad: "exchanges: { work: { type: fanout } }\nqueues: { orders: { bindings: [{ exchange: work }], " +
				"deadLetter: { exchange: work } } }\n",
			Good: "exchanges: { work: { type: fanout } }\nqueues: { orders: { bindings: [{ exchange: work }], " +
				"deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "at-least-once-without-reject-publish", Severity: Error, Title: "At-least-once dead-lettering that falls " +
				"back to at-most-once", check: checkAtLeastOnce,
			Consequence: "The strategy at-least-once requires overflow reject-publish. With drop-head, the default, " +
				"the broker silently falls back to at-most-once: a dead letter that its target does not confirm is " +
				"lost.",
			Fix: "Add overflow: reject-publish to the queue.",
			Bad: "queues:\n  orders: { type: quorum, deadLetter: { exchange: \"\", key: dead, strategy: " +
				"at-least-once } }\n  dead: {}\n",
			Good: "queues:\n  orders: { type: quorum, overflow: reject-publish, deadLetter: { exchange: \"\", key: " +
				"dead, strategy: at-least-once } }\n  dead: {}\n",
		},
		{
			ID: "stream-as-dead-letter-target", Severity: Error,
			Title: "Dead letters that go to a stream on RabbitMQ 3",
			check: checkStreamTarget, Version: "3.10",
			Consequence: "RabbitMQ 3 silently loses everything that is dead-lettered to a stream with the default " +
				"strategy at-most-once.",
			Fix: "Dead-letter to a classic or quorum queue, or use a quorum queue with the strategy at-least-once, " +
				"or RabbitMQ 4.",
			Bad:  "queues:\n  orders: { deadLetter: history }\n  history: { type: stream }\n",
			Good: "queues:\n  orders: { deadLetter: history }\n  history: { type: quorum, deliveryLimit: 1000000 }\n",
		},
		{
			ID: "wait-queue-without-ttl", Severity: Warning, Title: "A wait queue without a TTL of its own",
			check: checkWaitWithoutTTL,
			Consequence: "Messages leave it only by their own expiration, and a message expires only at the head of " +
				"its queue: a message with ten minutes blocks all messages behind it that have five seconds.",
			Fix: "Use one wait queue per delay, with messageTTL on the queue; retry.backoff does that.",
			Bad: "queues:\n  orders: { deadLetter: orders.retry }\n  orders.retry: { deadLetter: orders }\n",
			Good: "queues:\n  orders: { deadLetter: orders.retry }\n  orders.retry: { deadLetter: orders, messageTTL: " +
				"30s }\n",
		},
	}
}

func checkUnroutable(r *run) {
	for _, l := range r.in.DeadLetters.Losses {
		n := r.net(l.Queue.VHost)
		if n == nil || l.Replayed || !r.has(n, l.Exchange) || r.in.External[n.exchangeRef(l.Exchange)] ||
			l.Cycle || r.refusedByStream(n, l.Queue.Name) {
			continue
		}
		severity, what := r.rule.Severity, "its dead letters reach no queue"
		switch {
		case l.Kept:
			what, severity = "its dead letters cannot be routed and stay in it", Warning
		case !l.Certain:
			what, severity = "some of its dead letters may reach no queue", Note
		case !l.All:
			what = "some of its dead letters reach no queue"
		}
		part := "x-dead-letter-exchange"
		if _, ok := n.Queue(l.Queue.Name).Arguments["x-dead-letter-routing-key"]; ok {
			part = "x-dead-letter-routing-key"
		}
		f := r.findAt(severity, l.Queue, part, fmt.Sprintf("%s: %s (%s)", what, l.Reason, l.From))
		if l.Kept {
			f.Why = "They stay until a route exists; the queue grows with each."
		}
		if l.Exchange != "" {
			f.Fix = fmt.Sprintf("bind a queue to exchange %q with a key that matches %q", l.Exchange, l.Key)
		} else {
			f.Fix = fmt.Sprintf("declare the queue %q, or set deadLetter.key to the name of a queue", l.Key)
		}
	}
}

func (r *run) net(vhost string) *network {
	for _, n := range r.nets {
		if n.VHost() == vhost {
			return n
		}
	}
	return nil
}

func checkExchangeMissing(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			d := n.of(name).DeadLetter()
			if !d.Set() || r.has(n, d.Exchange.Text()) {
				continue
			}
			if p := d.Exchange.Policy; p != nil {
				r.find(p.Ref(), "dead-letter-exchange",
					fmt.Sprintf("dead-letter-exchange %q does not exist, and the policy applies to queue %q", d.Exchange.Text(), name))
				continue
			}
			r.find(n.queueRef(name), "x-dead-letter-exchange", fmt.Sprintf("its dead-letter exchange %q does not exist",
				d.Exchange.Text()))
		}
	}
}

// checkShadowed finds policies that would give a queue a dead-letter exchange, but that do not
// apply because another policy has a higher priority.
func checkShadowed(r *run) {
	for _, n := range r.nets {
		lost := map[[2]*topology.Policy][]string{}
		var order [][2]*topology.Policy
		for _, name := range n.queues {
			s := n.of(name)
			won := s.User.Policy
			if won == nil || s.Queue.Type == topology.Stream || s.DeadLetter().Set() {
				continue
			}
			if p := n.wouldDeadLetter(s.Queue, won.Priority); p != nil {
				pair := [2]*topology.Policy{won, p}
				if lost[pair] == nil {
					order = append(order, pair)
				}
				lost[pair] = append(lost[pair], name)
			}
		}
		for _, pair := range order {
			r.find(pair[0].Ref(), "definition",
				fmt.Sprintf("hides the dead-letter exchange that policy %q sets for queue %s", pair[1].Name,
					some(lost[pair])))
		}
	}
}

// wouldDeadLetter returns the first policy of at most priority most that would give the queue a
// dead-letter exchange, or nil.
func (n *network) wouldDeadLetter(q *topology.Queue, most int64) *topology.Policy {
	for _, p := range n.Policies().All() {
		if _, sets := p.Definition["dead-letter-exchange"]; !sets || p.Operator || p.Priority > most ||
			!route.AppliesToType(p.ApplyTo, q.Type) {
			continue
		}
		if matches, _ := n.Policies().Matches(p, q.Name); matches && len(n.Policies().Unsupported(p, q.Type)) == 0 {
			return p
		}
	}
	return nil
}

// messageWithKey returns a message in a queue whose routing key is the queue's name: enough for
// dead letters whose routing key is configured.
func messageWithKey(queue string) *route.Message { return &route.Message{Keys: []string{queue}} }

// checkCycle lets a message expire in each queue that has a TTL, and in every such queue that it
// then reaches, until it returns to the first.
func checkCycle(r *run) {
	for _, n := range r.nets {
		told := map[string]bool{}
		for _, name := range n.queues {
			if !n.expires(name) || told[name] {
				continue
			}
			if way := n.expiresIntoItself(name); way != nil {
				for _, q := range way {
					told[q] = true
				}
				by := "directly"
				if len(way) > 1 {
					by = "through " + some(way[1:])
				}
				r.find(n.queueRef(name), "x-message-ttl",
					fmt.Sprintf("a message that expires in it returns to it %s, and the broker drops it there", by))
			}
		}
	}
}

func (n *network) expires(queue string) bool {
	if n.Queue(queue) == nil {
		return false
	}
	s := n.of(queue)
	_, ttl := s.Get("message-ttl").Int()
	return ttl && s.DeadLetter().Set()
}

// expiresIntoItself returns the queues of the cycle in which a message of the queue expires, or
// nil.
func (n *network) expiresIntoItself(queue string) []string {
	type step struct {
		m   *route.Message
		at  string
		way []string
	}
	const longest = 50
	todo := []step{{messageWithKey(queue), queue, []string{queue}}}
	seen := map[string]bool{queue: true}
	for len(todo) > 0 && len(seen) < longest {
		s := todo[0]
		todo = todo[1:]
		f := n.Die(s.m, s.at, route.Expired)
		for _, h := range hops(f.Root) {
			if h.Kind != topology.KindQueue {
				continue
			}
			if h.Name == queue {
				return s.way
			}
			if !seen[h.Name] && n.expires(h.Name) {
				seen[h.Name] = true
				todo = append(todo, step{f.Message, h.Name, append(s.way[:len(s.way):len(s.way)], h.Name)})
			}
		}
	}
	return nil
}

func hops(root *route.Hop) []*route.Hop {
	if root == nil {
		return nil
	}
	list := []*route.Hop{root}
	for _, next := range root.Next {
		list = append(list, hops(next)...)
	}
	return list
}

func checkLoop(r *run) {
	for _, l := range r.in.DeadLetters.Losses {
		if l.Cycle && !l.Replayed && r.net(l.Queue.VHost) != nil {
			if n := r.net(l.Queue.VHost); len(n.Into(l.Queue.Name)) > 0 || l.Exchange == "" {
				r.find(l.Queue, "x-dead-letter-exchange", "its dead letters return directly to it")
			}
		}
	}
}

func checkAtLeastOnce(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			s := n.of(name)
			if s.Queue.Type == topology.Quorum && s.DeadLetter().Set() &&
				s.Get("dead-letter-strategy").Text() == "at-least-once" && s.Get("overflow").Text() != route.RejectPublish {
				r.find(n.queueRef(name), "x-dead-letter-strategy",
					"its dead-letter strategy at-least-once has no effect without overflow reject-publish")
			}
		}
	}
}

func checkStreamTarget(r *run) {
	if r.modern("4.0") {
		return
	}
	for _, n := range r.nets {
		for _, name := range n.queues {
			if target := n.streamThatRefuses(name); target != "" {
				r.find(n.queueRef(name), "x-dead-letter-exchange",
					fmt.Sprintf("its dead letters go to the stream %q, where this broker loses them", target))
			}
		}
	}
}

func (r *run) refusedByStream(n *network, queue string) bool {
	return !r.modern("4.0") && n.streamThatRefuses(queue) != ""
}

// streamThatRefuses returns a stream that dead letters of the queue are routed to and that does not
// accept them.
func (n *network) streamThatRefuses(queue string) string {
	if d := n.of(queue).DeadLetter(); !d.Set() || d.Keeps {
		return ""
	}
	for _, m := range n.possibleMessages(queue) {
		for _, h := range hops(n.Die(m, queue, route.Rejected).Root) {
			if h.Kind == topology.KindQueue && h.Type == topology.Stream && h.Ends != "" {
				return h.Name
			}
		}
	}
	return ""
}

// possibleMessages are messages that a queue may hold: with its name as the routing key, and with
// the key of each of its bindings.
func (n *network) possibleMessages(queue string) []*route.Message {
	list := []*route.Message{messageWithKey(queue)}
	for _, b := range n.Into(queue) {
		list = append(list, messageWithKey(b.RoutingKey))
	}
	return list
}

var waitName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|[._-])(retry|retries|wait|delay|delayed|backoff)([._-]|$)`)
})

// checkWaitWithoutTTL finds queues that are named like wait queues and that messages can leave only
// by their own expiration.
func checkWaitWithoutTTL(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			s := n.of(name)
			_, ttl := s.Get("message-ttl").Int()
			if !ttl && waitName().MatchString(name) && s.DeadLetter().Set() && n.goesBack(name) {
				r.find(n.queueRef(name), "", "it looks like a wait queue, but only messages with an expiration of their own "+
					"ever leave it")
			}
		}
	}
}

// goesBack reports whether a dead letter of the queue reaches a queue that dead-letters to this
// one.
func (n *network) goesBack(queue string) bool {
	for _, h := range hops(n.Die(messageWithKey(queue), queue, route.Expired).Root) {
		if h.Kind != topology.KindQueue || n.Queue(h.Name) == nil || h.Name == queue || !n.of(h.Name).DeadLetter().Set() {
			continue
		}
		for _, back := range hops(n.Die(messageWithKey(h.Name), h.Name, route.Rejected).Root) {
			if back.Kind == topology.KindQueue && back.Name == queue {
				return true
			}
		}
	}
	return false
}
