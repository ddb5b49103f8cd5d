package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Ladder is the retry ladder of a queue as a file declares it. What a broker makes of it is decided
// against the live one: see Retry.
type Ladder struct {
	// Queue is the one whose messages are tried again.
	Queue Ref
	// Steps are the waits in milliseconds, one before each further attempt.
	Steps []int64
	// Waits has, for each step, the wait queues that a message may take: one, or with jitter three.
	Waits [][]Ref
	// Jitter spreads each wait by so many percent; 0 does not.
	Jitter int64
	// QueuesOnly forbids the broker's own delay, whose count of attempts includes lost connections.
	QueuesOnly bool
}

// AddLadder adds the ladder of a queue. Its queues are added as any others.
func (s *State) AddLadder(l Ladder) {
	if s.ladders == nil {
		s.ladders = map[Ref]Ladder{}
	}
	s.ladders[l.Queue] = l
}

// Ladder returns the retry ladder of a queue, and false when it has none.
func (s *State) Ladder(queue Ref) (Ladder, bool) { l, ok := s.ladders[queue]; return l, ok }

// Ladders returns all ladders in the order of their queues.
func (s *State) Ladders() []Ladder {
	list := make([]Ladder, 0, len(s.ladders))
	for _, l := range s.ladders {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Ladder) int { return a.Queue.Compare(b.Queue) })
	return list
}

// Retry says how a broker retries the messages of a queue.
type Retry struct {
	Queue Ref `json:"queue"`
	// Native: the broker delays what a consumer rejects for another attempt. Otherwise the consumer
	// publishes to wait queues.
	Native bool `json:"native"`
	// Why says why it is the one and not the other.
	Why string `json:"why"`
	// Waits are the wait queues of the ladder, made or not.
	Waits []Ref `json:"-"`
}

// The arguments of delayed retry, which quorum queues have since 4.3. The type is "failed", so that
// a nack, of a consumer that stops for example, is no attempt (fact delayed-retry-failed).
const (
	delayedRetryType  = "x-delayed-retry-type"
	delayedRetryMin   = "x-delayed-retry-min"
	delayedRetryMax   = "x-delayed-retry-max"
	delayedRetrySince = "4.3"
	delayedFailed     = "failed"
	// defaultDeliveryLimit is that of quorum queues since 4.0. What was delivered more often is
	// dead-lettered by the broker.
	defaultDeliveryLimit = 20
)

// fitLadders returns the state with each ladder as this broker does it best, and what was decided.
func fitLadders(want *State, have *Live) (*State, []Retry) {
	if len(want.ladders) == 0 {
		return want, nil
	}
	fitted, retries := want, make([]Retry, 0, len(want.ladders))
	for _, l := range want.Ladders() {
		o, ok := want.Get(l.Queue)
		if !ok {
			continue
		}
		r := Retry{Queue: l.Queue, Waits: slices.Concat(l.Waits...)}
		r.Native, r.Why = nativeRetry(l, o.(*Queue), have)
		retries = append(retries, r)
		if !r.Native {
			continue
		}
		if fitted == want {
			fitted = want.clone()
		}
		fitted.objects[l.Queue] = withDelayedRetry(o.(*Queue), l)
		for _, wait := range r.Waits {
			delete(fitted.objects, wait)
		}
	}
	return fitted, retries
}

func withDelayedRetry(q *Queue, l Ladder) *Queue {
	out := *q
	out.Arguments = q.Arguments.Clone()
	out.Arguments[delayedRetryType] = delayedFailed
	out.Arguments[delayedRetryMin] = l.Steps[0]
	out.Arguments[delayedRetryMax] = l.Steps[len(l.Steps)-1]
	return &out
}

// nativeRetry decides whether the broker's own delay can do what the ladder says.
func nativeRetry(l Ladder, q *Queue, have *Live) (native bool, why string) {
	version := have.Server.Version
	switch existing, exists := have.Get(l.Queue); {
	case l.QueuesOnly:
		return false, "the file asks for wait queues (via: queues)"
	case q.Type != Quorum || !q.TypeDeclared:
		return false, fmt.Sprintf("only queues of type quorum can delay a retry themselves, and the file says %s",
			typeSaid(q))
	case version == "" || !capability.VersionAtLeast(version, delayedRetrySince):
		return false, fmt.Sprintf("RabbitMQ %s cannot delay a retry itself, %s can", orUnknown(version), delayedRetrySince)
	case l.Jitter > 0:
		return false, "the broker's own delay knows no jitter"
	case !linear(l.Steps):
		return false, fmt.Sprintf("the broker's own delay grows evenly, and %s does not", formatSteps(l.Steps))
	case len(l.Steps) >= int(deliveryLimit(q)):
		return false, fmt.Sprintf("the queue's delivery limit of %d would end the retries of the broker itself before the "+
			"last of %d", deliveryLimit(q), len(l.Steps))
	case have.Unreadable[KindQueue] != "":
		return false, "whether the queue exists cannot be read, and the argument of the broker's own delay cannot be " +
			"added to one that does"
	case exists && !existing.(*Queue).retriesItself():
		return false, "the queue exists without the argument of the broker's own delay, which cannot be added"
	}
	return true, fmt.Sprintf("a quorum queue on RabbitMQ %s delays a retry itself: %s", version, formatSteps(l.Steps))
}

func (q *Queue) retriesItself() bool { _, ok := q.Arguments[delayedRetryType]; return ok }

func typeSaid(q *Queue) string {
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

// linear reports whether step n is n times the first, or as long as the last.
func linear(steps []int64) bool {
	last := steps[len(steps)-1]
	for i, s := range steps {
		if s != min(steps[0]*int64(i+1), last) {
			return false
		}
	}
	return true
}

func deliveryLimit(q *Queue) int64 {
	if n, ok := q.Arguments["x-delivery-limit"].(int64); ok {
		if n < 0 {
			return 1 << 31
		}
		return n
	}
	return defaultDeliveryLimit
}

func formatSteps(steps []int64) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
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
