package browse

import (
	"fmt"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	routing "github.com/msgctl/msgctl/pkg/topology/route"
)

// Facts are what decides whether looking into a queue is safe.
type Facts struct {
	VHost, Name, Type string
	// Version is the broker's; "" unknown, which is judged as the newest.
	Version string
	// DeliveryLimit is the effective one of a quorum queue, the default of 4.x included. No value:
	// unlimited.
	DeliveryLimit discover.Setting
	// LimitFixed says that the limit is an argument of the queue, which no policy can lift.
	LimitFixed                                            bool
	MaxLength, MaxLengthBytes, Overflow, MessageTTL       discover.Setting
	DelayedRetry, DelayedRetryMin, ConsumerTimeout        discover.Setting
	SingleActiveConsumer, AutoDelete, ConnectionExclusive bool
	// ExclusiveConsumer says that a consumer holds the queue for itself.
	ExclusiveConsumer bool
	// Status has the counts; Messages are ready and unacknowledged ones together.
	Status topology.QueueStatus
	// Size is what the messages take of a limit in bytes, as far as the broker told.
	Size QueueSize
	// Counted says that messages may come with a delivery count already: on 4.3 the count survives
	// dead-lettering, and a quorum queue dead-letters into this one.
	Counted bool
	// DeadLetterExchange is the queue's own: where it sends what it drops. No value: nowhere.
	DeadLetterExchange discover.Setting
}

// QueueSize is what the messages of a queue took at a moment some seconds ago: the broker tells it
// in its statistics only, which are late (fact
// statistics-are-late). The zero value is unknown.
type QueueSize struct {
	// Bytes are what the broker holds against max-length-bytes: bodies, on quorum queues of 4.3
	// with the headers.
	Bytes int64
	// Messages is how many messages that were.
	Messages int64
}

// Of returns how many bytes this number of messages takes, and false if the size is out of date: it
// has no messages, less than half as many, or messages without bytes (fact bytes-after-messages).
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

// FactsOf collects the facts of a queue from what was read of a broker, and from where its dead
// letters come. It returns an error when the state does not have the queue.
func FactsOf(l *topology.Live, d discover.Discovery, vhost, name string) (Facts, error) {
	ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: name}
	o, ok := l.Get(ref)
	if !ok {
		return Facts{}, fmt.Errorf("queue %q is not in vhost %q", name, vhost)
	}
	q := o.(*topology.Queue)
	s := routing.New(&l.State, vhost, l.Server.Version).Policies().Of(q)
	get := func(key string) discover.Setting { return discover.Setting(s.Get(key)) }
	f := Facts{
		VHost: vhost, Name: name, Type: q.Type, Version: l.Server.Version, AutoDelete: q.AutoDelete,
		ConnectionExclusive: q.Exclusive,
		MaxLength:           get("max-length"), MaxLengthBytes: get("max-length-bytes"), Overflow: get("overflow"),
		MessageTTL:   get("message-ttl"),
		DelayedRetry: get("delayed-retry-type"), DelayedRetryMin: get("delayed-retry-min"),
		ConsumerTimeout:    get("consumer-timeout"),
		DeadLetterExchange: get("dead-letter-exchange"), Status: l.Status[ref],
	}
	f.SingleActiveConsumer, _ = q.Arguments["x-single-active-consumer"].(bool)
	if q.Type == topology.Quorum {
		f.DeliveryLimit = get("delivery-limit")
		f.LimitFixed = limits(discover.Setting(s.Argument("delivery-limit")), l.Server.Version)
		f.Counted = capability.VersionAtLeast(l.Server.Version, "4.3") && fedByQuorum(d, vhost, name)
	}
	return f, nil
}

// limits reports whether a delivery limit is one: -1 is none on 4.x, and 0 on 3.10.
func limits(s discover.Setting, version string) bool {
	v, ok := s.Int()
	return ok && (v >= 0 || !capability.VersionAtLeast(version, "4.0"))
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
