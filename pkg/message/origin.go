package message

import "strings"

// ReasonFailed is the reason of a failure that a framework noted, for which the broker has no word:
// the framework published the message to its error queue itself.
const ReasonFailed = "failed"

// Origin is where a dead letter came from, and where a replay takes it by default.
type Origin struct {
	// Reason is that of the death, or ReasonFailed.
	Reason string
	// Queue is where the message died or failed; "" when a framework noted only how it had been
	// published.
	Queue string
	// Exchange and RoutingKey are how it was published, valid when HasRoute. "" is the default
	// exchange.
	Exchange   string
	RoutingKey string
	HasRoute   bool
	// Framework is the one whose note this is; "" for a death that the broker recorded.
	Framework string
	// Enveloped says that the message inside the framework's envelope is meant, see UnwrapEasyNetQ.
	Enveloped bool

	death Death
}

// RoutingKeys returns the routing key, and after it the keys of the CC header that the message was
// published with.
func (o Origin) RoutingKeys() []string {
	if o.Framework == "" {
		return o.death.RoutingKeys()
	}
	return []string{o.RoutingKey}
}

// Origin returns where the message came from, and whether anything in it tells.
//
// It is the note of a framework where there is one that names a queue or a route: a framework may
// use dead-lettering for its delays, so that the broker's record tells of these (NServiceBus:
// Particular/NServiceBus.RabbitMQ DelayedDelivery/DelayInfrastructure.cs, queues
// nsb.v2.delay-level-NN). Where the note names no queue, it is that of the death. A death that is
// newer than the note, or came after a replay of a message whose note has no time, goes before it.
// Else it is Deaths.First of History; isWait is as there.
func (m *Message) Origin(isWait func(queue string) bool) (Origin, bool) {
	deaths := m.History()
	first, dead := deaths.First(isWait)
	f, failed := FailureOf(m)
	failed = failed && (f.Queue != "" || f.HasRoute)
	if failed && dead {
		if f.Time.IsZero() {
			failed = m.Replays() == 0 || m.Deaths().None()
		} else {
			// A death has whole seconds.
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

// History is the message's own death history or, when a replay or a move took that off and the
// message did not die again since, the one that was noted last.
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

// massTransitSkipped ends the name of the queue that takes the messages no consumer of another
// queue wanted. MassTransit/MassTransit DefaultDeadLetterQueueNameFormatter.cs.
const massTransitSkipped = "_skipped"

// skippedFrom returns the queue that a "…_skipped" queue belongs to; the messages in it do not name
// it.
func skippedFrom(queue string) string {
	base, ok := strings.CutSuffix(queue, massTransitSkipped)
	if !ok {
		return ""
	}
	return base
}
