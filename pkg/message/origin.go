package message

import "strings"

// ReasonFailed is the reason of a failure that a framework noted. The broker has no reason for it:
// the framework published the message to its error queue itself.
const ReasonFailed = "failed"

// Origin is where a dead letter came from, which is the default target of a replay.
type Origin struct {
	// Reason is the reason of the death, or ReasonFailed.
	Reason string
	// Queue is the queue where the message died or failed; "" if a framework noted only the
	// original publication.
	Queue string
	// Exchange and RoutingKey are those of the publication. They are valid if HasRoute is set. ""
	// is the default exchange.
	Exchange   string
	RoutingKey string
	HasRoute   bool
	// Framework is the framework that noted the failure; "" for a death that the broker recorded.
	Framework string
	// Enveloped reports whether the origin is that of the message inside the framework's envelope,
	// see UnwrapEasyNetQ.
	Enveloped bool

	death Death
}

// RoutingKeys returns the routing key, followed by the keys of the CC header, with which the
// message was published.
func (o Origin) RoutingKeys() []string {
	if o.Framework == "" {
		return o.death.RoutingKeys()
	}
	return []string{o.RoutingKey}
}

// Origin returns where the message came from, and whether that is known.
//
// It is the note of a framework, if there is one that names a queue or a route. A framework may use
// dead-lettering for its delays, and then the broker records those (NServiceBus:
// Particular/NServiceBus.RabbitMQ DelayedDelivery/DelayInfrastructure.cs, queues
// nsb.v2.delay-level-NN). If the note names no queue, the queue is that of the death. A death takes
// precedence if it is newer than the note, or if the note has no time and the message died again
// after a replay. Without a note, the origin is Deaths.First of History. isWait is as in
// Deaths.First.
func (m *Message) Origin(isWait func(queue string) bool) (Origin, bool) {
	deaths := m.History()
	first, dead := deaths.First(isWait)
	f, failed := FailureOf(m)
	failed = failed && (f.Queue != "" || f.HasRoute)
	if failed && dead {
		if f.Time.IsZero() {
			failed = m.Replays() == 0 || m.Deaths().None()
		} else {
			// A death's time is in whole seconds.
			failed = !deaths.Since().After(f.Time)
		}
	}
	switch {
	case failed:
		queue := f.Queue
		if queue == "" && dead && (isWait == nil || !isWait(first.Queue)) {
			queue = first.Queue
		}
		return Origin{
			Reason: ReasonFailed, Queue: queue, Exchange: f.Exchange, RoutingKey: f.RoutingKey, HasRoute: f.HasRoute,
			Framework: f.Framework, Enveloped: f.Enveloped,
		}, true
	case dead:
		return Origin{
			Reason: first.Reason, Queue: first.Queue, Exchange: first.Exchange, RoutingKey: first.RoutingKey(),
			HasRoute: first.HasRoute, death: first,
		}, true
	}
	return Origin{}, false
}

// History returns the message's own death history. If a replay or a move removed it and the message
// has not died again since, History returns the last one noted.
func (m *Message) History() Deaths {
	d := m.Deaths()
	if !d.None() {
		return d
	}
	if earlier := EarlierDeaths(m.Headers); len(earlier) > 0 {
		return earlier[len(earlier)-1]
	}
	return d
}

// massTransitSkipped ends the name of the queue for messages that no consumer of another queue
// accepted. MassTransit/MassTransit DefaultDeadLetterQueueNameFormatter.cs.
const massTransitSkipped = "_skipped"

// skippedFrom returns the queue that a "…_skipped" queue belongs to. The messages in it do not name
// that queue.
func skippedFrom(queue string) string {
	base, ok := strings.CutSuffix(queue, massTransitSkipped)
	if !ok {
		return ""
	}
	return base
}
