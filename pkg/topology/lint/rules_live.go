package lint

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// liveRules need a broker: --live.
func liveRules() []Rule {
	return []Rule{
		{
			ID: "drift", Severity: Warning, Title: "The broker differs from the files", Live: true, check: checkDrift,
			Consequence: "What the files declare is not true on this broker.",
			Fix:         "Look at the difference with msgctl plan. Apply it, or change the files.",
		},
		{
			ID: "dead-letters-waiting", Severity: Warning, Title: "A dead-letter queue that is not empty", Live: true,
			check:       checkWaiting,
			Consequence: "Messages have failed, and nobody has handled them yet.",
			Fix:         "Look at them with msgctl dlq inspect QUEUE; send them back with msgctl dlq replay QUEUE.",
		},
		{
			ID: "queue-without-consumer", Severity: Warning, Title: "A queue with messages but no consumer", Live: true,
			check:       checkNoConsumer,
			Consequence: "It grows until it reaches a limit, or the broker runs out of disk or memory.",
			Fix:         "Start the consumer, or delete the queue or its bindings.",
		},
		{
			ID: "queue-near-limit", Severity: Warning, Title: "A queue that is nearly full", Live: true, check: checkNearLimit,
			Consequence: "At the limit, messages are dropped, dead-lettered or refused.",
			Fix:         "Let consumers catch up, or raise the limit.",
		},
		{
			ID: "unowned", Severity: Note, Title: "An object on the broker that no topology owns", Live: true,
			check: checkUnowned,
			Consequence: "No file declares it: it was created by hand, by an application, or by a topology that no " +
				"longer exists. Pruning never deletes it.",
			Fix: "Declare it (msgctl export shows how), or delete it if it is unused.",
		},
	}
}

func checkDrift(r *run) {
	refs := make([]topology.Ref, 0, len(r.in.Live.Drift))
	for ref := range r.in.Live.Drift {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, topology.Ref.Compare)
	for _, ref := range refs {
		f := r.find(ref, "", r.in.Live.Drift[ref])
		if r.in.External[ref] {
			f.Fix = "Ask its owner to declare it, or correct the name."
		}
	}
}

// eachLive calls f with every live queue of the state's vhosts whose counts are known.
func (r *run) eachLive(f func(n *network, q *topology.Queue, s topology.QueueStatus)) {
	for _, o := range r.in.Live.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || r.net(q.VHost) == nil {
			continue
		}
		if s := r.in.Live.Status[q.Ref()]; s.Known {
			f(r.net(q.VHost), q, s)
		}
	}
}

func checkWaiting(r *run) {
	r.eachLive(func(_ *network, q *topology.Queue, s topology.QueueStatus) {
		if s.Messages > 0 && r.deadLetters[q.Ref()] != nil {
			r.find(q.Ref(), "", fmt.Sprintf("it holds %s of %s", units.FormatCount(s.Messages, "dead letter"),
				some(r.deadLetters[q.Ref()])))
		}
	})
}

// checkNoConsumer skips wait queues and dead-letter queues.
func checkNoConsumer(r *run) {
	r.eachLive(func(_ *network, q *topology.Queue, s topology.QueueStatus) {
		if s.Messages > 0 && s.Consumers == 0 && r.deadLetters[q.Ref()] == nil && q.Type != topology.Stream &&
			!r.in.DeadLetters.Waits[q.Ref()] {
			r.find(q.Ref(), "", fmt.Sprintf("it holds %s and has no consumer", units.FormatCount(s.Messages, "message")))
		}
	})
}

// nearly is the percentage of a limit from which a queue counts as near it.
const nearly = 80

func checkNearLimit(r *run) {
	r.eachLive(func(n *network, q *topology.Queue, s topology.QueueStatus) {
		if n.Queue(q.Name) == nil {
			return
		}
		limit := n.of(q.Name).Get("max-length")
		if most, ok := limit.Int(); ok && most > 0 && s.Messages*100 >= most*nearly {
			r.find(q.Ref(), "x-max-length", fmt.Sprintf("it holds %d of %s (%s)", s.Messages,
				units.FormatCount(most, "message"), limit.From))
		}
	})
}

func checkUnowned(r *run) {
	if r.in.Live.Owned == nil {
		return
	}
	for _, o := range r.in.Live.Objects() {
		ref := o.Ref()
		if ref.Kind != topology.KindQueue && ref.Kind != topology.KindExchange && ref.Kind != topology.KindPolicy ||
			r.net(ref.VHost) == nil {
			continue
		}
		if q, ok := o.(*topology.Queue); ok && (q.Exclusive || q.AutoDelete) {
			continue // an application's own
		}
		if capability.IsPredeclared(ref.Name) || capability.IsReserved(ref.Name) || r.in.Live.Owned(ref) {
			continue
		}
		r.find(ref, "", "no topology owns it, and the files do not declare it")
	}
}
