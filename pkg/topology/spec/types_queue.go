package spec

import (
	"reflect"

	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// Queue holds messages. Fields that only some queue types or broker versions know are refused where
// they would be ignored.
type Queue struct {
	decode.Located `json:"-"`
	// Type is classic, quorum (replicated) or stream (a log). Without it, the vhost's default queue
	// type decides.
	Type string `json:"type,omitempty" jsonschema:"enum=classic,enum=quorum,enum=stream"`
	// Durable queues survive a restart of the broker. Default true.
	Durable *bool `json:"durable,omitempty"`
	// AutoDelete: the broker deletes the queue when its last consumer goes.
	AutoDelete bool `json:"autoDelete,omitempty"`
	// Bindings that lead to this queue.
	Bindings []*Binding `json:"bindings,omitempty"`
	// DeadLetter says where rejected, expired and dropped messages go: a queue's name, or an
	// exchange and a key.
	DeadLetter *DeadLetter `json:"deadLetter,omitempty"`
	// Retry has the retry steps: how long a failed message waits before each further attempt.
	Retry *Retry `json:"retry,omitempty"`
	// Alerts are thresholds of msgctl alerts for this queue.
	Alerts *Alerts `json:"alerts,omitempty"`
	// MessageTTL is how long a message may wait before it is dead-lettered or dropped.
	MessageTTL *decode.Duration `json:"messageTTL,omitempty"`
	// Expires is how long the queue may be unused before the broker deletes it.
	Expires *decode.Duration `json:"expires,omitempty"`
	// MaxLength is how many ready messages the queue may hold.
	MaxLength *int64 `json:"maxLength,omitempty" jsonschema:"minimum=0" example:"10000"`
	// MaxLengthBytes is how many bytes of message bodies the queue may hold.
	MaxLengthBytes *decode.Size `json:"maxLengthBytes,omitempty"`
	// Overflow is what happens to messages beyond the limit. The broker's default is drop-head.
	Overflow string `json:"overflow,omitempty" jsonschema:"enum=drop-head,enum=reject-publish,enum=reject-publish-dlx"`
	// MaxPriority makes a classic queue keep priorities 0 to N apart.
	MaxPriority *int64 `json:"maxPriority,omitempty" jsonschema:"minimum=0,maximum=255" example:"10"`
	// Mode of an old classic queue (without effect since 3.12).
	Mode string `json:"mode,omitempty" jsonschema:"enum=default,enum=lazy"`
	// Version of a classic queue's storage.
	Version *int64 `json:"version,omitempty" jsonschema:"minimum=1,maximum=2" example:"2"`
	// SingleActiveConsumer: one consumer at a time gets the messages.
	SingleActiveConsumer *bool `json:"singleActiveConsumer,omitempty"`
	// LeaderLocator says on which node the queue's leader starts.
	LeaderLocator string `json:"leaderLocator,omitempty" jsonschema:"enum=client-local,enum=balanced,enum=random,enum=least-leaders"`
	// MasterLocator says on which node a classic queue starts, on brokers before 4.3.
	MasterLocator string `json:"masterLocator,omitempty" jsonschema:"enum=client-local,enum=min-masters,enum=random"`
	// DeliveryLimit of a quorum queue: a message delivered more often is dead-lettered or dropped.
	DeliveryLimit *decode.DeliveryLimit `json:"deliveryLimit,omitempty"`
	// InitialGroupSize is how many replicas a quorum queue starts with.
	InitialGroupSize *int64 `json:"initialGroupSize,omitempty" jsonschema:"minimum=1" example:"3"`
	// MaxInMemoryLength of a quorum queue, on old brokers.
	MaxInMemoryLength *int64 `json:"maxInMemoryLength,omitempty" jsonschema:"minimum=0" example:"1000"`
	// MaxInMemoryBytes of a quorum queue, on old brokers.
	MaxInMemoryBytes *decode.Size `json:"maxInMemoryBytes,omitempty"`
	// ConsumerTimeout is how long a consumer may hold a message unacknowledged (4.3).
	ConsumerTimeout *decode.Duration `json:"consumerTimeout,omitempty"`
	// ConsumerDisconnectedTimeout is how long a consumer whose node is cut off keeps its messages
	// (4.3).
	ConsumerDisconnectedTimeout *decode.Duration `json:"consumerDisconnectedTimeout,omitempty"`
	// DelayedRetry holds returned messages back for a while (quorum, 4.3).
	DelayedRetry *DelayedRetry `json:"delayedRetry,omitempty"`
	// MaxAge of a stream: 7D, or a duration.
	MaxAge *decode.Age `json:"maxAge,omitempty"`
	// MaxSegmentSize of a stream's files.
	MaxSegmentSize *decode.Size `json:"maxSegmentSize,omitempty"`
	// FilterSize of a stream's chunks, in bytes.
	FilterSize *decode.Size `json:"filterSize,omitempty"`
	// InitialClusterSize is how many replicas a stream starts with.
	InitialClusterSize *int64 `json:"initialClusterSize,omitempty" jsonschema:"minimum=1" example:"3"`
	// Arguments that have no field of their own, with the broker's names, verbatim.
	Arguments map[string]decode.Any `json:"arguments,omitempty"`
}

// DeadLetter says where a queue's dead letters go. A string in the file is the key on the default
// exchange: a queue.
type DeadLetter struct {
	decode.Located `json:"-"`
	// Exchange that gets them; "" is the default exchange.
	Exchange *string `json:"exchange,omitempty"`
	// Key instead of the message's own.
	Key *string `json:"key,omitempty"`
	// Strategy of a quorum queue: at-least-once keeps a dead letter until its target confirms it.
	Strategy string `json:"strategy,omitempty" jsonschema:"enum=at-most-once,enum=at-least-once"`
	// queue is set for the short form.
	queue bool
}

// Retry has the retry steps of a queue, for consumers such as msgctl consume. Each step is a wait
// queue named QUEUE.retry.STEP, from which messages return to QUEUE after the step's delay. Where a
// quorum queue on 4.3 can delay messages itself, no wait queues are made: see Via.
type Retry struct {
	decode.Located `json:"-"`
	// Backoff has the steps in order.
	Backoff []decode.Duration `json:"backoff" jsonschema:"required,minItems=1"`
	// Jitter makes three wait queues of a step, of which a message takes one at random: so much
	// shorter, as written, so much longer.
	Jitter decode.Percent `json:"jitter,omitempty"`
	// Via queues makes wait queues on every broker. With auto, a quorum queue on 4.3 delays retries
	// itself where the steps grow evenly. Then a lost connection counts as an attempt, too. Default
	// auto.
	Via string `json:"via,omitempty" jsonschema:"enum=auto,enum=queues"`
}

// DelayedRetry of a quorum queue on 4.3: the wait is min times the delivery count, at most max.
type DelayedRetry struct {
	decode.Located `json:"-"`
	// Type says which returns wait.
	Type string `json:"type,omitempty" jsonschema:"enum=disabled,enum=all,enum=failed,enum=returned"`
	// Min is the first wait.
	Min *decode.Duration `json:"min,omitempty"`
	// Max is the longest wait.
	Max *decode.Duration `json:"max,omitempty"`
}

// DecodeNode reads a string as the name of a queue.
func (v *DeadLetter) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	if n.Kind == source.Sequence || n.Kind == source.Mapping {
		d.Structure(n, reflect.ValueOf(v).Elem(), f) // not value, which would come back here
		return
	}
	f.Example = "dead-letter.queue"
	s, ok := d.Str(n, f)
	if !ok {
		return
	}
	if s == "" {
		d.ErrorAt(n.Pos, f.Label()+" is empty", "", f.Fix())
		return
	}
	none := ""
	v.Exchange, v.Key, v.queue = &none, &s, true
	v.SetPosition(n.Pos)
}
