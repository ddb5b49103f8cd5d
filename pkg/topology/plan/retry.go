package plan

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Retry says how a broker retries the messages of a queue.
type Retry struct {
	Queue topology.Ref `json:"queue"`
	// Native: the broker delays what a consumer rejects for another attempt. Otherwise the consumer
	// publishes to wait queues.
	Native bool `json:"native"`
	// Why says why it is the one and not the other.
	Why string `json:"why"`
	// WaitQueues are those of the retry schedule, made or not.
	WaitQueues []topology.Ref `json:"-"`
}

// The arguments of delayed retry of quorum queues. The type is "failed", so that
// a nack, of a consumer that stops for example, is no attempt (fact delayed-retry-failed).
const (
	delayedRetryType  = "x-delayed-retry-type"
	delayedRetryMin   = "x-delayed-retry-min"
	delayedRetryMax   = "x-delayed-retry-max"
	delayedRetrySince = "4.3"
	delayedFailed     = "failed"
	deliveryLimitName = "x-delivery-limit"
	// defaultDeliveryLimit is that of quorum queues (fact default-delivery-limit). The broker
	// dead-letters messages that were returned more often.
	defaultDeliveryLimit = 20
)

// FitRetries returns the state with each retry schedule as this broker does it best, and what was
// decided. A schedule gets either wait queues, or a queue that delays retries itself. Diff plans
// the same. have may be a broker without objects, of which only Server.Version is known. FitRetries
// changes neither state.
func FitRetries(want *topology.State, have *topology.Live) (*topology.State, []Retry) {
	var native []topology.Object
	var unused []topology.Ref
	var retries []Retry
	for _, s := range want.RetrySchedules() {
		o, ok := want.Get(s.Queue)
		if !ok {
			continue
		}
		r := Retry{Queue: s.Queue, WaitQueues: slices.Concat(s.WaitQueues...)}
		r.Native, r.Why = nativeRetry(s, o.(*topology.Queue), have)
		retries = append(retries, r)
		if r.Native {
			q, ends := withDelayedRetry(o.(*topology.Queue), s, have)
			native, retries[len(retries)-1].Why = append(native, q), r.Why+"; "+ends
			unused = append(unused, r.WaitQueues...)
		}
	}
	if len(native) == 0 {
		return want, retries
	}
	return want.Revise(native, unused), retries
}

// withDelayedRetry returns the queue with the arguments of its schedule, and how the retries end. A
// queue gets the delivery limit that its steps mean: without one RabbitMQ would go on to its
// default of 20 (fact delivery-limit-deliveries). What exists as the schedule says, but for the
// limit, stays, because an argument cannot be added.
func withDelayedRetry(q *topology.Queue, s topology.RetrySchedule, have *topology.Live) (*topology.Queue, string) {
	out := *q
	out.Arguments = q.Arguments.Clone()
	out.Arguments[delayedRetryType] = delayedFailed
	out.Arguments[delayedRetryMin] = s.Delays[0]
	out.Arguments[delayedRetryMax] = s.Delays[len(s.Delays)-1]
	steps := int64(len(s.Delays))
	limit, declared := q.Arguments[deliveryLimitName].(int64)
	if existing, ok := have.Get(s.Queue); ok && !declared {
		is := existing.(*topology.Queue).Arguments
		if _, limited := is[deliveryLimitName]; !limited && is[delayedRetryMin] == out.Arguments[delayedRetryMin] &&
			is[delayedRetryMax] == out.Arguments[delayedRetryMax] && is[delayedRetryType] == delayedFailed {
			return &out, fmt.Sprintf("it exists without a delivery limit, so that other consumers than msgctl consume are "+
				"given "+
				"a rejected message %d times; a policy with delivery-limit: %d ends that", defaultDeliveryLimit+1, steps)
		}
	}
	switch {
	case declared && limit < 0:
		return &out, "its deliveryLimit is unlimited, so that the broker does not end them"
	case declared:
		return &out, fmt.Sprintf("its delivery limit of %d ends them after %s", limit,
			units.FormatPlural(limit+1, "delivery", "deliveries"))
	}
	out.Arguments[deliveryLimitName] = steps
	return &out, fmt.Sprintf("the delivery limit of %d that these steps mean ends them after %d deliveries", steps,
		steps+1)
}

// nativeRetry decides whether the broker's own delay can do what the schedule says.
func nativeRetry(s topology.RetrySchedule, q *topology.Queue, have *topology.Live) (native bool, why string) {
	version := have.Server.Version
	switch existing, exists := have.Get(s.Queue); {
	case s.QueuesOnly:
		return false, "the file asks for wait queues (via: queues)"
	case q.Type != topology.Quorum || !q.TypeDeclared:
		return false, fmt.Sprintf("only queues of type quorum can delay a retry themselves, and the file says %s",
			typeSaid(q))
	case version == "" || !capability.VersionAtLeast(version, delayedRetrySince):
		return false, fmt.Sprintf("RabbitMQ %s cannot delay a retry itself, %s can", orUnknown(version), delayedRetrySince)
	case s.Jitter > 0:
		return false, "the broker's own delay knows no jitter"
	case !linear(s.Delays):
		return false, fmt.Sprintf("the broker's own delay grows evenly, and %s does not", formatDelays(s.Delays))
	case int64(len(s.Delays)) > declaredLimit(q):
		return false, fmt.Sprintf("the queue's delivery limit of %d would end the retries of the broker itself before the "+
			"last of %d", declaredLimit(q), len(s.Delays))
	case have.Unreadable[topology.KindQueue] != "":
		return false, "whether the queue exists cannot be read, and the argument of the broker's own delay cannot be " +
			"added to one that does"
	case exists && !delaysRetries(existing.(*topology.Queue)):
		return false, "the queue exists without the argument of the broker's own delay, which cannot be added"
	}
	return true, fmt.Sprintf("a quorum queue on RabbitMQ %s delays a retry itself: %s", version, formatDelays(s.Delays))
}

func delaysRetries(q *topology.Queue) bool { _, ok := q.Arguments[delayedRetryType]; return ok }

func typeSaid(q *topology.Queue) string {
	if q.TypeDeclared {
		return q.Type
	}
	return "no type"
}

func orUnknown(version string) string {
	if version == "" {
		return "of an unknown version"
	}
	return version
}

// linear reports whether delay n is n times the first, or as long as the last.
func linear(delays []int64) bool {
	last := delays[len(delays)-1]
	for i, s := range delays {
		if s != min(delays[0]*int64(i+1), last) {
			return false
		}
	}
	return true
}

// declaredLimit is how often the queue may deliver again, by its own argument.
func declaredLimit(q *topology.Queue) int64 {
	if n, ok := q.Arguments[deliveryLimitName].(int64); ok && n >= 0 {
		return n
	}
	return math.MaxInt64
}

func formatDelays(delays []int64) string {
	texts := make([]string, len(delays))
	for i, s := range delays {
		texts[i] = formatMillis(s)
	}
	return strings.Join(texts, ", ")
}

func formatMillis(ms int64) string {
	if ms%1000 != 0 {
		return strconv.FormatInt(ms, 10) + "ms"
	}
	text := (time.Duration(ms) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// formerWaitQueue reports whether a queue of the record was made for a retry step that is no longer
// in the file. It is then called QUEUE.retry.STEP, and returns its messages to QUEUE, which the
// file declares.
func (d *differ) formerWaitQueue(ref topology.Ref) bool {
	q := d.queue(ref)
	if ref.Kind != topology.KindQueue || q == nil {
		return false
	}
	exchange, has := q.Arguments["x-dead-letter-exchange"].(string)
	target, _ := q.Arguments["x-dead-letter-routing-key"].(string)
	return has && exchange == "" && strings.HasPrefix(ref.Name, target+".retry.") &&
		d.want.Has(topology.QueueRef(ref.VHost, target))
}
