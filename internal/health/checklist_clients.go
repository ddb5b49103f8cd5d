package health

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// The marks between sensible and not.
const (
	// muchPrefetch is beyond what makes anything faster (facts: a window of some thousand messages
	// is the fastest).
	muchPrefetch = 5000
	// redelivered is the part of deliveries, in a hundred, that were redeliveries: from there on
	// messages go round in circles.
	redelivered = 50
	// fewDeliveries are not judged.
	fewDeliveries = 100
)

func clientItems() []Item {
	return []Item{
		{
			ID: "prefetch", Title: "Consumers have a sensible prefetch",
			Why: "Without a limit the broker sends a consumer all that the queue has: its memory fills, the others get " +
				"nothing, and all of it comes back when it dies.", check: checkPrefetch,
			Fix: "Call basic.qos with a limit before consuming: 1 for slow work, some hundred for fast.",
		},
		{
			ID: "acknowledgements", Title: "Consumers acknowledge",
			Why: "What is sent to a consumer without acknowledgements counts as handled: it is lost when the consumer dies " +
				"with it.", check: checkAcknowledgements,
			Fix: "Consume with manual acknowledgements (no-ack = false), and acknowledge after the work is done.",
		},
		{
			ID: "heartbeat", Title: "Connections have heartbeats",
			Why: "A client that vanished is not noticed for up to two hours: what it had unacknowledged is kept from the " +
				"others.", check: checkHeartbeat,
			Fix: "Ask for a heartbeat of 5 to 60 seconds when connecting, for example amqp://…?heartbeat=10.",
		},
		{
			ID: "confirms", Title: "Publishers use confirms",
			Why: "A message that the broker could not take, or lost with a node, is lost silently.", check: checkConfirms,
			Fix: "Put the channel into confirm mode, and publish again what was not confirmed. msgctl publish does.",
		},
		{
			ID: "redeliveries", Title: "Messages do not go round in circles",
			Why: "A message that fails is requeued, fails again at once, and keeps consumers and broker busy.", check: checkRedeliveries,
			Fix: "Retry with a delay and a last attempt (retry: on a queue), and dead-letter what keeps failing.",
		},
	}
}

func checkPrefetch(in *Inspection) (Verdict, []string) {
	if !in.Has(PartConsumers) {
		return unread(in, PartConsumers)
	}
	shared := map[string]bool{} // channels whose consumers share a limit
	for _, c := range in.Channels {
		shared[c.Name] = c.GlobalPrefetch > 0
	}
	var without, much []string
	for _, c := range in.Consumers {
		switch {
		case c.Ack && c.Prefetch == 0 && !shared[c.Channel]:
			without = append(without, c.VHost+"/"+c.Queue)
		case c.Prefetch > muchPrefetch:
			much = append(much, fmt.Sprintf("%s/%s (%d)", c.VHost, c.Queue, c.Prefetch))
		}
	}
	switch {
	case len(without) > 0 && !tellsSharedPrefetch(in.Version):
		return Warning, []string{fmt.Sprintf("%s without a limit of their own, of the queues %s; one that the consumers "+
			"of a channel share is not told by RabbitMQ %s",
			plural(len(without), "consumer", "consumers"), some(distinct(without)), in.Version)}
	case len(without) > 0:
		return Error, []string{fmt.Sprintf("%s without a limit, of the queues %s",
			plural(len(without), "consumer", "consumers"), some(distinct(without)))}
	case len(much) > 0:
		return Warning, []string{fmt.Sprintf("%s with a prefetch of more than %d: %s",
			plural(len(much), "consumer", "consumers"), muchPrefetch, some(distinct(much)))}
	}
	if len(in.Consumers) == 0 {
		return nobody("consumes")
	}
	return OK, []string{plural(len(in.Consumers), "consumer", "consumers") + ", none without a limit"}
}

// tellsSharedPrefetch: 3.10.8 tells the global prefetch of a channel, 4.0.5 does not, and 4.3.6
// denies it (global_qos).
func tellsSharedPrefetch(version string) bool {
	return version == "" || !capability.VersionAtLeast(version, "4.0") || capability.VersionAtLeast(version, "4.3")
}

func checkAcknowledgements(in *Inspection) (Verdict, []string) {
	if !in.Has(PartConsumers) {
		return unread(in, PartConsumers)
	}
	var without []string
	for _, c := range in.Consumers {
		if !c.Ack {
			without = append(without, c.VHost+"/"+c.Queue)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%s without acknowledgements, of the queues %s",
			plural(len(without), "consumer", "consumers"), some(distinct(without)))}
	}
	if len(in.Consumers) == 0 {
		return nobody("consumes")
	}
	return OK, []string{"all of " + plural(len(in.Consumers), "consumer", "consumers")}
}

// amqp091 reports whether it is a client's connection by AMQP 0-9-1: heartbeats of other protocols
// mean other things, and what the broker connects to itself has none.
func (c *Connection) amqp091() bool { return strings.HasPrefix(c.Protocol, "AMQP 0-9-1") }

func checkHeartbeat(in *Inspection) (Verdict, []string) {
	if !in.Has(PartConnections) {
		return unread(in, PartConnections)
	}
	var without []string
	all := 0
	for _, c := range in.Connections {
		if !c.amqp091() {
			continue
		}
		if all++; c.Heartbeat == 0 {
			without = append(without, c.Name)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%s without heartbeats: %s", plural(len(without), "connection", "connections"),
			some(without))}
	}
	if all == 0 {
		return nobody("is connected")
	}
	return OK, []string{"all of " + plural(all, "connection", "connections")}
}

func checkConfirms(in *Inspection) (Verdict, []string) {
	if !in.Has(PartChannels) {
		return unread(in, PartChannels)
	}
	var without []string
	publishing := 0
	for _, c := range in.Channels {
		if c.Published == 0 {
			continue
		}
		if publishing++; !c.Confirm && !c.Tx {
			without = append(without, c.Name)
		}
	}
	switch {
	case len(without) > 0:
		return Warning, []string{fmt.Sprintf("%s without confirms: %s",
			plural(len(without), "channel publishes", "channels publish"), some(without))}
	case publishing == 0:
		return nobody("publishes")
	}
	return OK, []string{"all of " + plural(publishing, "channel that publishes", "channels that publish")}
}

func checkRedeliveries(in *Inspection) (Verdict, []string) {
	if !in.Has(PartChannels) {
		return unread(in, PartChannels)
	}
	var circling []string
	for _, c := range in.Channels {
		if c.Delivered >= fewDeliveries && c.Redelivered*100 >= c.Delivered*redelivered {
			circling = append(circling, fmt.Sprintf("%s (%d of %d)", c.Name, c.Redelivered, c.Delivered))
		}
	}
	if len(circling) > 0 {
		return Warning, []string{fmt.Sprintf("most of what %s redelivered: %s",
			plural(len(circling), "channel gets was", "channels get was"), some(circling))}
	}
	return OK, []string{"no channel gets mostly what it had before"}
}

// nobody is the result of an item about clients when there are none.
func nobody(does string) (Verdict, []string) { return Unknown, []string{"nobody " + does + " now"} }

func distinct(names []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			list = append(list, n)
		}
	}
	return list
}
