package lint

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// deadLetterQueueRules are about the queues in which dead letters stay.
func deadLetterQueueRules() []Rule {
	return []Rule{
		{
			ID: "dead-letter-queue-limited", Severity: Warning, Title: "A dead-letter queue that can lose messages",
			check: checkLimitedDeadLetterQueue,
			Consequence: "A dead letter that is dropped by a limit, expires, or is deleted with its queue is lost: " +
				"there is no second dead-letter queue behind the first.",
			Fix: "Remove the limit from the dead-letter queue, monitor its depth instead, and purge old messages to " +
				"an archive (msgctl dlq purge).",
			Bad:  "queues:\n  orders: { deadLetter: dead }\n  dead: { maxLength: 1000 }\n",
			Good: "queues:\n  orders: { deadLetter: dead }\n  dead: {}\n",
		},
		{
			ID: "dead-letter-queue-delivery-limit", Severity: Warning,
			Title: "A quorum dead-letter queue that browsing can empty", check: checkDeadLetterDeliveryLimit,
			Consequence: "Each read that returns a message can count as a delivery, and a message over the limit is " +
				"dropped. On RabbitMQ 4.3 the message keeps the count from the queue in which it died: one look in " +
				"the management UI can drop it.",
			Fix: "Make the dead-letter queue classic, or set deliveryLimit: unlimited (on RabbitMQ 4).",
			Bad: "queues:\n  orders: { type: quorum, deadLetter: dead }\n  dead: { type: quorum }\n",
			Good: "queues:\n  orders: { type: quorum, deadLetter: dead }\n  dead: { type: quorum, deliveryLimit: " +
				"unlimited }\n",
		},
		{
			ID: "quorum-without-dead-letters", Severity: Warning,
			Title: "A quorum queue that drops messages at its delivery limit", check: checkQuorumWithout,
			Consequence: "A message that is returned more often than the delivery limit allows (by default 20 on " +
				"RabbitMQ 4) is dropped: a consumer that crashes on it, or restarts often, loses it.",
			Fix: "Add deadLetter to the queue, with a queue behind it; or deliveryLimit: unlimited, if the message " +
				"may be redelivered forever.",
			Bad:  "queues: { orders: { type: quorum } }\n",
			Good: "queues: { orders: { type: quorum, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "retry-without-dead-letters", Severity: Warning, Title: "A queue with retry steps but no dead-letter exchange",
			check: checkRetryWithout,
			Consequence: "A message that fails at its last attempt has nowhere to go: a consumer can only drop it, or retry " +
				"it forever. msgctl consume refuses to start.",
			Fix:  "Add deadLetter to the queue, with a queue behind it.",
			Bad:  "queues: { orders: { retry: { backoff: [5s, 30s] } } }\n",
			Good: "queues: { orders: { retry: { backoff: [5s, 30s] }, deadLetter: dead }, dead: {} }\n",
		},
		{
			ID: "limit-without-dead-letters", Severity: Warning, Title: "A limit or TTL that drops messages",
			check: checkLimitWithout,
			Consequence: "A full queue drops its oldest message for each new one, and expired messages are dropped. " +
				"Neither publishers nor consumers are told.",
			Fix: "Add deadLetter; or overflow: reject-publish, so that publishers are told; or ignore this rule and " +
				"give the reason why these messages may be lost.",
			Bad:  "queues: { orders: { maxLength: 10000 } }\n",
			Good: "queues: { orders: { maxLength: 10000, overflow: reject-publish } }\n",
		},
	}
}

func checkLimitedDeadLetterQueue(r *run) {
	for _, l := range r.in.DeadLetters.Queues {
		n := r.net(l.Queue.VHost)
		if n == nil || n.Queue(l.Queue.Name) == nil || n.Queue(l.Queue.Name).Type == topology.Stream {
			continue
		}
		s := n.of(l.Queue.Name)
		if s.DeadLetter().Set() && !r.loses[l.Queue] {
			continue // its messages go on to another queue
		}
		var ways []string
		part := ""
		for _, key := range []string{"expires", "message-ttl", "max-length-bytes", "max-length"} {
			v := s.Get(key)
			if v.Value == nil || strings.HasPrefix(key, "max-") && s.Queue.Type == topology.Quorum &&
				s.Get("overflow").Text() == "reject-publish" {
				continue // a quorum queue then accepts dead letters beyond its limit
			}
			ways, part = append(ways, fmt.Sprintf("%s (%s)", key, v.From)), "x-"+key
		}
		if len(ways) > 0 {
			r.find(l.Queue, part, fmt.Sprintf("it holds the dead letters of %s and can lose them because of %s", some(l.From),
				strings.Join(ways, ", ")))
		}
	}
}

func checkDeadLetterDeliveryLimit(r *run) {
	for _, l := range r.in.DeadLetters.Queues {
		n := r.net(l.Queue.VHost)
		if n == nil || n.Queue(l.Queue.Name) == nil || n.Queue(l.Queue.Name).Type != topology.Quorum {
			continue
		}
		s := n.of(l.Queue.Name)
		limit := s.Get("delivery-limit")
		if at, ok := limit.Int(); ok && at >= 0 && at < 1000 && !s.DeadLetter().Set() {
			f := r.find(l.Queue, "x-delivery-limit",
				fmt.Sprintf("it holds the dead letters of %s and drops messages that are returned more than %s (%s)",
					some(l.From), units.FormatCount(at, "time"), limit.From))
			if !r.modern("4.0") {
				f.Fix = "Make the dead-letter queue classic, or remove the delivery limit."
			}
		}
	}
}

// checkQuorumWithout skips dead-letter queues, for which there is another rule.
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
				fmt.Sprintf("it drops messages that are returned more than %s (%s): it has no dead-letter exchange",
					units.FormatCount(at, "time"), limit.From))
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
			refuses := route.RefusesWhenFull(s.Queue.Type, s.Get("overflow").Text())
			for _, key := range []string{"max-length", "max-length-bytes"} {
				if v := s.Get(key); v.Value != nil && !refuses {
					r.find(n.queueRef(name), "x-"+key,
						fmt.Sprintf("when it is full, it drops its oldest messages (%s): it has no dead-letter exchange", v.From))
				}
			}
			if v := s.Get("message-ttl"); v.Value != nil {
				r.findAt(Note, n.queueRef(name), "x-message-ttl",
					fmt.Sprintf("it drops messages older than %v ms (%s): it has no dead-letter exchange", v.Value,
						v.From))
			}
		}
	}
}

func checkRetryWithout(r *run) {
	for _, l := range r.in.State.RetrySchedules() {
		if n := r.net(l.Queue.VHost); n != nil && n.Queue(l.Queue.Name) != nil && !n.of(l.Queue.Name).DeadLetter().Set() {
			r.find(l.Queue, "", "it has retry steps but no dead-letter exchange for messages that fail at the last attempt")
		}
	}
}
