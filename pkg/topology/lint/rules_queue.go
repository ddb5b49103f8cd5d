package lint

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// queueRules are about properties of queues that lose messages.
func queueRules() []Rule {
	return []Rule{
		{
			ID: "queue-holds-nothing", Severity: Error, Title: "A queue that cannot hold a message", check: checkHoldsNothing,
			Consequence: "Publishers get a confirm, and the message is lost at once.",
			Fix:         "Remove the limit, or make it larger than 0.",
			Bad:         "queues: { orders: { maxLength: 0, deadLetter: dead }, dead: {} }\n",
			Good:        "queues: { orders: { maxLength: 1000, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "queue-expires", Severity: Note, Title: "A queue that the broker deletes when it is unused",
			check: checkExpires,
			Consequence: "After that time without a consumer the broker deletes the queue with its messages. They " +
				"are not dead-lettered, and messages published later are not routed to it.",
			Fix:  "Remove expires (or autoDelete) from queues whose messages matter.",
			Bad:  "queues: { orders: { expires: 1h } }\n",
			Good: "queues: { orders: {} }\n",
		},
		{
			ID: "queue-transient", Severity: Warning, Title: "A queue that does not survive a restart",
			Consequence: "A restart of the broker deletes the queue, its bindings and its messages. RabbitMQ 4 " +
				"deprecates such queues unless they are exclusive, and a future version refuses them.",
			Fix:  "Use durable: true, with expires if the queue should disappear when it is unused.",
			Bad:  "queues: { orders: { durable: false } }\n",
			Good: "queues: { orders: {} }\n",
		},
		{
			ID: "delayed-retry-without-limit", Severity: Warning,
			Title: "A queue that delays retries without a delivery limit of its own", check: checkEndlessRetry,
			Consequence: "A message that can never be handled is delivered 21 times by the broker's default, and " +
				"forever with deliveryLimit: unlimited, before it is dead-lettered.",
			Fix: "Set deliveryLimit to the number of retries: 2 gives three deliveries. Consumers must return a " +
				"failed message with basic.reject: a nack with requeue does not count.",
			Bad: "queues:\n  orders: { type: quorum, delayedRetry: { type: failed, min: 5s }, deadLetter: dead }\n" +
				"  dead: {}\n",
			Good: "queues:\n  orders: { type: quorum, deliveryLimit: 2, delayedRetry: { type: failed, min: 5s }, " +
				"deadLetter: dead }\n  dead: {}\n",
		},
		{
			ID: "argument-without-effect", Severity: Note, Title: "A setting that no longer has an effect", check: checkNoEffect,
			Consequence: "The broker accepts and ignores it.",
			Fix:         "Remove it.",
			Bad:         "queues: { orders: { mode: lazy } }\n",
			Good:        "queues: { orders: {} }\n",
		},
	}
}

func checkHoldsNothing(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			for _, key := range []string{"max-length", "max-length-bytes"} {
				v := n.of(name).Get(key)
				if limit, ok := v.Int(); ok && limit == 0 && n.Queue(name).Type != topology.Stream {
					r.find(n.queueRef(name), "x-"+key, fmt.Sprintf("%s is 0 (%s)", key, v.From))
				}
			}
		}
	}
}

func checkExpires(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			if r.deadLetters[n.queueRef(name)] != nil {
				continue // another rule covers those
			}
			if v := n.of(name).Get("expires"); v.Value != nil {
				r.find(n.queueRef(name), "x-expires", fmt.Sprintf("the broker deletes it after %v ms without use (%s)", v.Value,
					v.From))
			} else if q := n.Queue(name); q.AutoDelete && q.Durable {
				r.find(n.queueRef(name), "auto_delete", "it is durable, but deleted when its last consumer is cancelled")
			}
		}
	}
}

// checkEndlessRetry finds queues that delay retries without a limit of their own (fact
// delivery-limit-deliveries).
func checkEndlessRetry(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			s := n.of(name)
			kind := s.Get("delayed-retry-type")
			if s.Queue.Type != topology.Quorum || kind.Text() == "" || kind.Text() == "disabled" {
				continue
			}
			limit := s.Get("delivery-limit")
			at, ok := limit.Int()
			switch {
			case ok && at < 0:
				r.find(n.queueRef(name), "x-delayed-retry-type", fmt.Sprintf("it delays retries (%s) and has no delivery limit "+
					"(%s): they do not end", kind.From, limit.From))
			case !ok || limit.Default():
				r.find(n.queueRef(name), "x-delayed-retry-type", fmt.Sprintf("it delays retries (%s), and only the broker's "+
					"default ends them, after %d deliveries", kind.From, route.DefaultDeliveryLimit+1))
			}
		}
	}
}

// checkNoEffect checks the arguments of queues and the policy keys that set the same.
func checkNoEffect(r *run) {
	for _, a := range capability.QueueArguments() {
		if !a.IdleOn(r.in.Version) {
			continue
		}
		key := strings.TrimPrefix(a.Name, "x-")
		for _, n := range r.nets {
			for _, name := range n.queues {
				if v, ok := n.Queue(name).Arguments[a.Name]; ok && a.TakenBy(n.Queue(name).Type, r.in.Version) {
					r.find(n.queueRef(name), a.Name, fmt.Sprintf("%s %v has no effect", a.Name, v)).Why = a.Instead
				}
			}
			for _, p := range n.Policies().All() {
				if v, ok := p.Definition[key]; ok {
					r.find(p.Ref(), key, fmt.Sprintf("%s %v has no effect", key, v)).Why = a.Instead
				}
			}
		}
	}
}
