package browse

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// Facts decide whether browsing a queue is safe.
type Facts struct {
	VHost, Name, Type string
	// Version is the broker's version; "" is unknown and treated as the newest.
	Version string
	// DeliveryLimit is the effective limit of a quorum queue, including the broker's default
	// (fact default-delivery-limit). No value means unlimited.
	DeliveryLimit discover.Setting
	// LimitFixed says that the limit is a queue argument, which no policy can lift.
	LimitFixed                                            bool
	MaxLength, MaxLengthBytes, Overflow, MessageTTL       discover.Setting
	DelayedRetry, DelayedRetryMin, ConsumerTimeout        discover.Setting
	SingleActiveConsumer, AutoDelete, ConnectionExclusive bool
	// ExclusiveConsumer says that the queue has an exclusive consumer.
	ExclusiveConsumer bool
	// Status has the counts; Messages includes ready and unacknowledged messages.
	Status topology.QueueStatus
	// Size is how much of a limit in bytes the messages use, as far as the broker reports it.
	Size QueueSize
	// Counted says that messages may arrive with a delivery count: a quorum queue dead-letters into
	// this one, and the broker keeps the count (fact dead-letters-keep-count).
	Counted bool
	// DeadLetterExchange is the queue's own, to which it dead-letters what it drops. No value means
	// none.
	DeadLetterExchange discover.Setting
	// Keeping says what the queue keeps of messages that are sent to it through the default exchange.
	Keeping routing.Keeping
}

// QueueSize is the size of a queue's messages some seconds ago; the broker reports it only in its
// statistics (fact statistics-are-late). The zero value means unknown.
type QueueSize struct {
	// Bytes are what the broker holds against max-length-bytes: bodies, and on some
	// quorum queues headers (fact length-bytes-with-headers).
	Bytes int64
	// Messages is the number of messages at that time.
	Messages int64
}

// Of returns the size in bytes of this number of messages, and false if the size is out of date.
// Then it covers no messages, less than half as many, or messages without bytes (fact
// bytes-after-messages).
func (s QueueSize) Of(messages int64) (int64, bool) {
	switch {
	case messages == 0:
		return 0, true
	case s.Messages <= 0 || s.Bytes <= 0 || messages > 2*s.Messages:
		return 0, false
	case messages <= s.Messages:
		return s.Bytes, true
	}
	return int64(float64(s.Bytes) * float64(messages) / float64(s.Messages)), true
}

// FactSource collects the facts of the queues of one vhost from the broker's state and from the
// sources of their dead letters.
type FactSource struct {
	live     *topology.Live
	found    discover.Discovery
	vhost    string
	policies *routing.Policies
}

// NewFactSource returns the source for a vhost. It reads the policies once for all queues.
func NewFactSource(l *topology.Live, d discover.Discovery, vhost string) *FactSource {
	policies := withoutOverrides(routing.PoliciesOf(&l.State, vhost, l.Server.Version).All())
	return &FactSource{l, d, vhost, routing.NewPolicies(policies, l.Server.Version)}
}

// FactsOf returns the facts of a single queue: see FactSource.Of.
func FactsOf(l *topology.Live, d discover.Discovery, vhost, name string) (Facts, error) {
	return NewFactSource(l, d, vhost).Of(name)
}

// Of returns the facts of a queue. It returns an error if the state does not have the queue.
func (f *FactSource) Of(name string) (Facts, error) {
	o, ok := f.live.Get(topology.Ref{Kind: topology.KindQueue, VHost: f.vhost, Name: name})
	if !ok {
		return Facts{}, fmt.Errorf("queue %q is not in vhost %q", name, f.vhost)
	}
	q := o.(*topology.Queue)
	return f.ofQueue(q.WithType(f.live.QueueType(q, f.live.Server.Version))), nil // a file may leave it to the vhost
}

func (f *FactSource) ofQueue(q *topology.Queue) Facts {
	l, s := f.live, f.policies.Of(q)
	get := func(key string) discover.Setting { return discover.Setting(s.Get(key)) }
	out := Facts{
		VHost: q.VHost, Name: q.Name, Type: q.Type, Version: l.Server.Version, AutoDelete: q.AutoDelete,
		ConnectionExclusive: q.Exclusive,
		MaxLength:           get("max-length"), MaxLengthBytes: get("max-length-bytes"), Overflow: get("overflow"),
		MessageTTL:   get("message-ttl"),
		DelayedRetry: get("delayed-retry-type"), DelayedRetryMin: get("delayed-retry-min"),
		ConsumerTimeout:    get("consumer-timeout"),
		DeadLetterExchange: get("dead-letter-exchange"), Status: l.Status[q.Ref()],
	}
	out.Keeping = s.Keeping(out.DeadLetterExchange.Value != nil && !losesStraight(f.found, q))
	out.SingleActiveConsumer, _ = q.Arguments["x-single-active-consumer"].(bool)
	if q.Type == topology.Quorum {
		out.DeliveryLimit = get("delivery-limit")
		out.LimitFixed = limits(discover.Setting(s.Argument("delivery-limit")), l.Server.Version)
		out.Counted = capability.VersionAtLeast(l.Server.Version, "4.3") && fedByQuorum(f.found, q.VHost, q.Name)
	}
	return out
}

// limits reports whether a delivery limit takes effect (fact default-delivery-limit).
func limits(s discover.Setting, version string) bool {
	v, ok := s.Int()
	return ok && (v >= 0 || !capability.VersionAtLeast(version, "4.0"))
}

// losesStraight reports whether dead letters that were sent to a queue through the default exchange
// surely reach no queue.
func losesStraight(d discover.Discovery, q *topology.Queue) bool {
	return slices.ContainsFunc(d.Losing, func(l discover.Losing) bool {
		return l.VHost == q.VHost && l.Queue == q.Name && l.Certainty == discover.Surely && !l.Kept && (l.All || l.Straight)
	})
}

func fedByQuorum(d discover.Discovery, vhost, name string) bool {
	for _, q := range d.Queues {
		if q.VHost != vhost || q.Name != name {
			continue
		}
		for _, s := range q.Sources {
			if s.Type != topology.Classic {
				return true
			}
		}
	}
	return false
}
