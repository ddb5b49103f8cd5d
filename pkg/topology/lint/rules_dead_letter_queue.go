package lint

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// deadLetterQueueRules are about the queues in which dead letters rest.
func deadLetterQueueRules() []Rule {
	return []Rule{
		{
			ID: "dead-letter-queue-limited", Severity: Warning, Title: "A dead-letter queue that loses what it holds",
			check: checkLimitedLetters,
			Consequence: "A dead letter that is pushed out, expires or goes with its queue is gone: there is no second " +
				"dead-letter queue behind the first.",
			Fix: "Take the limit out of the dead-letter queue, watch its depth instead, and purge old messages with an " +
				"archive (msgctl dlq purge).",
			Bad:  "queues:\n  orders: { deadLetter: dead }\n  dead: { maxLength: 1000 }\n",
			Good: "queues:\n  orders: { deadLetter: dead }\n  dead: {}\n",
		},
		{
			ID: "dead-letter-queue-delivery-limit", Severity: Warning, Title: "A quorum dead-letter queue that looking can " +
				"empty", check: checkLetterLimit,
			Consequence: "Each look that returns a message can count as a delivery, and a message over the limit is dropped. " +
				"On RabbitMQ 4.3 the count comes along from the queue in which it died: one look in the management UI can " +
				"destroy it.",
			Fix: "Make the dead-letter queue classic, or set deliveryLimit: unlimited (on RabbitMQ 4).",
			Bad: "queues:\n  orders: { type: quorum, deadLetter: dead }\n  dead: { type: quorum }\n",
			Good: "queues:\n  orders: { type: quorum, deadLetter: dead }\n  dead: { type: quorum, deliveryLimit: " +
				"unlimited }\n",
		},
		{
			ID: "quorum-without-dead-letters", Severity: Warning, Title: "A quorum queue that drops what reaches its " +
				"delivery limit", check: checkQuorumWithout,
			Consequence: "A message that was returned more often than the delivery limit allows (20 on RabbitMQ 4 unless the " +
				"queue says otherwise) is dropped: a consumer that crashes on it, or is restarted often, loses it.",
			Fix: "Add deadLetter to the queue, with a queue behind it; or deliveryLimit: unlimited, if the message " +
				"may come back for ever.",
			Bad:  "queues: { orders: { type: quorum } }\n",
			Good: "queues: { orders: { type: quorum, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "retry-without-dead-letters", Severity: Warning, Title: "A queue with a retry ladder and nowhere to go after " +
				"it", check: checkRetryWithout,
			Consequence: "A message that fails at its last attempt has no place to wait for a person: a consumer can only " +
				"drop it, or try it for ever. msgctl consume refuses to begin.",
			Fix:  "Add deadLetter to the queue, with a queue behind it.",
			Bad:  "queues: { orders: { retry: { backoff: [5s, 30s] } } }\n",
			Good: "queues: { orders: { retry: { backoff: [5s, 30s] }, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "limit-without-dead-letters", Severity: Warning, Title: "A limited queue that drops what is too much or too " +
				"old", check: checkLimitWithout,
			Consequence: "A full queue drops its oldest message for each new one, and expired messages are dropped; " +
				"nobody is told.",
			Fix: "Add deadLetter; or overflow: reject-publish, so that publishers are told; or ignore this rule with " +
				"the reason why nobody misses the messages.",
			Bad:  "queues: { orders: { maxLength: 10000 } }\n",
			Good: "queues: { orders: { maxLength: 10000, overflow: reject-publish } }\n",
		},
	}
}

func checkLimitedLetters(r *run) {
	for _, l := range r.in.DeadLetters.Queues {
		n := r.net(l.Queue.VHost)
		if n == nil || n.Queue(l.Queue.Name) == nil || n.Queue(l.Queue.Name).Type == topology.Stream {
			continue
		}
		s := n.of(l.Queue.Name)
		if s.DeadLetter().Set() && !r.loses[l.Queue] {
			continue // what leaves it goes on to another
		}
		var ways []string
		part := ""
		for _, key := range []string{"expires", "message-ttl", "max-length-bytes", "max-length"} {
			v := s.Get(key)
			if v.Value == nil || strings.HasPrefix(key, "max-") && s.Queue.Type == topology.Quorum &&
				s.Get("overflow").Text() == "reject-publish" {
				continue // a quorum queue takes dead letters beyond its limit then
			}
			ways, part = append(ways, fmt.Sprintf("%s (%s)", key, v.From)), "x-"+key
		}
		if len(ways) > 0 {
			r.find(l.Queue, part, fmt.Sprintf("it holds the dead letters of %s and loses them by %s", some(l.From),
				strings.Join(ways, ", ")))
		}
	}
}

func checkLetterLimit(r *run) {
	for _, l := range r.in.DeadLetters.Queues {
		n := r.net(l.Queue.VHost)
		if n == nil || n.Queue(l.Queue.Name) == nil || n.Queue(l.Queue.Name).Type != topology.Quorum {
			continue
		}
		s := n.of(l.Queue.Name)
		limit := s.Get("delivery-limit")
		if at, ok := limit.Int(); ok && at >= 0 && at < 1000 && !s.DeadLetter().Set() {
			f := r.find(l.Queue, "x-delivery-limit",
				fmt.Sprintf("it holds the dead letters of %s and drops what was returned more than %d times (%s)", some(l.From), at,
					limit.From))
			if !r.modern("4.0") {
				f.Fix = "Make the dead-letter queue classic, or take the delivery limit out."
			}
		}
	}
}

// checkQuorumWithout leaves queues alone in which dead letters rest: another rule is about them.
func checkQuorumWithout(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			s := n.of(name)
			limit := s.Get("delivery-limit")
			at, ok := limit.Int()
			if s.Queue.Type != topology.Quorum || !ok || at < 0 || s.DeadLetter().Set() ||
				r.deadLetters[n.queueRef(name)] != nil {
				continue
			}
			r.find(n.queueRef(name), "x-delivery-limit",
				fmt.Sprintf("it drops what was returned more than %d times (%s): it has no dead-letter exchange", at, limit.From))
		}
	}
}

func checkLimitWithout(r *run) {
	for _, n := range r.nets {
		for _, name := range n.queues {
			s := n.of(name)
			if s.Queue.Type == topology.Stream || s.DeadLetter().Set() || r.deadLetters[n.queueRef(name)] != nil {
				continue
			}
			overflow := s.Get("overflow").Text()
			for _, key := range []string{"max-length", "max-length-bytes"} {
				if v := s.Get(key); v.Value != nil && overflow != "reject-publish" && overflow != "reject-publish-dlx" {
					r.find(n.queueRef(name), "x-"+key,
						fmt.Sprintf("it drops its oldest messages when it is full (%s), and has no dead-letter exchange", v.From))
				}
			}
			if v := s.Get("message-ttl"); v.Value != nil {
				r.findAt(Note, n.queueRef(name), "x-message-ttl",
					fmt.Sprintf("it drops messages that wait longer than %v ms (%s), and has no dead-letter exchange", v.Value,
						v.From))
			}
		}
	}
}

func checkRetryWithout(r *run) {
	for _, l := range r.in.State.RetrySchedules() {
		if n := r.net(l.Queue.VHost); n != nil && n.Queue(l.Queue.Name) != nil && !n.of(l.Queue.Name).DeadLetter().Set() {
			r.find(l.Queue, "", "it has a retry ladder and no dead-letter exchange for what fails at the last attempt")
		}
	}
}
