package spec

import (
	"time"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// retries adds the retry schedule of a queue and its wait queues. Where a broker does better
// without them, plan.Diff leaves them out.
func (r *resolver) retries(q *topology.Queue, declared *Queue) {
	retry := declared.Retry
	if q.Type == topology.Stream {
		r.report(diag.Error, retry.Position(), r.name(q.Ref()), "a stream cannot have retry",
			"a stream never dead-letters: its messages stay where they are", "remove retry, or use type: quorum")
		return
	}
	if declared.DelayedRetry != nil {
		r.report(diag.Error, retry.Position(), r.name(q.Ref()), "has both retry and delayedRetry",
			"retry sets delayedRetry itself where the broker can do it so", "remove delayedRetry")
		return
	}
	schedule := topology.RetrySchedule{Queue: q.Ref(), Jitter: int64(retry.Jitter), QueuesOnly: retry.Via == "queues"}
	made := map[string]bool{}
	for _, step := range retry.Backoff {
		if step == 0 {
			r.report(diag.Error, retry.Position(), r.name(q.Ref()), "a retry step cannot be 0", "", "write a time like 5s")
			continue
		}
		var waits []topology.Ref
		for _, w := range waitsOf(q, int64(step), schedule.Jitter) {
			waits = append(waits, w.Ref())
			if !made[w.Name] {
				made[w.Name] = true
				r.add(w, &place{at: retry.Position()})
			}
		}
		schedule.Delays = append(schedule.Delays, int64(step))
		schedule.WaitQueues = append(schedule.WaitQueues, waits)
	}
	if len(schedule.Delays) > 0 {
		r.state.AddRetrySchedule(schedule)
	}
}

// waitsOf makes the wait queues of one step: one, or with jitter three, of which a message takes
// one at random. Shorter waits in one and the same queue would spread nothing: a message expires
// only at the head, so that most would leave with the longest before them.
func waitsOf(q *topology.Queue, step, jitter int64) []*topology.Queue {
	name := WaitQueue(q.Name, time.Duration(step)*time.Millisecond)
	waits := []*topology.Queue{waitQueue(q, name, step)}
	if by := step * jitter / 100; by > 0 {
		waits = append(waits, waitQueue(q, name+".early", step-by), waitQueue(q, name+".late", step+by))
	}
	return waits
}

// waitQueue makes the wait queue of one step. The TTL is the queue's, because messages with TTLs of
// their own would block each other (fact message-ttl-blocks). Messages return through the default
// exchange, so that no other queue bound to the first exchange gets them again.
//
// It is always a quorum queue, which keeps a returning message until its target has confirmed it
// (fact classic-dead-letters-unconfirmed).
func waitQueue(q *topology.Queue, name string, ttl int64) *topology.Queue {
	return &topology.Queue{VHost: q.VHost, Name: name, Type: topology.Quorum, TypeDeclared: true, Durable: true,
		Arguments: topology.Arguments{
			"x-message-ttl": ttl, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": q.Name,
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		}}
}

// WaitQueue names the queue in which messages of a queue wait for one step of its retry schedule:
// orders.retry.30s. With jitter there are two more: orders.retry.30s.early and
// orders.retry.30s.late.
func WaitQueue(queue string, step time.Duration) string {
	return queue + ".retry." + units.FormatDuration(step)
}
