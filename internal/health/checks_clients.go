package health

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// The limits of what is sensible.
const (
	// maxPrefetch is more than makes any consumer faster.
	maxPrefetch = 5000
	// maxRedelivered is the percentage of redeliveries from which messages are taken to loop.
	maxRedelivered = 50
	// minDeliveries is how many deliveries a channel needs to be judged.
	minDeliveries = 100
)

func clientChecks() []Check {
	return []Check{
		{
			ID: "prefetch", needs: PartConsumers, Title: "Consumers have a sensible prefetch",
			Why: "Without a limit the broker sends the whole queue to one consumer: its memory fills, other consumers get " +
				"nothing, and everything is redelivered when it dies.", run: checkPrefetch,
			Fix: "Call basic.qos with a limit before consuming: 1 for slow work, a few hundred for fast work.",
		},
		{
			ID: "acknowledgements", needs: PartConsumers, Title: "Consumers acknowledge",
			Why: "The broker forgets a message once it is sent to a consumer without acknowledgements: if the consumer " +
				"dies, the message is lost.", run: checkAcknowledgements,
			Fix: "Consume with manual acknowledgements (no-ack = false), and acknowledge when the work is done.",
		},
		{
			ID: "heartbeat", needs: PartConnections, Title: "Connections have heartbeats",
			Why: "The broker may take two hours to notice that a client is gone; until then its unacknowledged messages " +
				"are not redelivered.", run: checkHeartbeat,
			Fix: "Request a heartbeat of 5 to 60 seconds when connecting, for example amqp://…?heartbeat=10.",
		},
		{
			ID: "confirms", needs: PartChannels, Title: "Publishers use confirms",
			Why: "A message that the broker cannot store, or that is lost with a node, is lost silently.", run: checkConfirms,
			Fix: "Use confirm mode, and publish again what was not confirmed, as msgctl publish does.",
		},
		{
			ID: "redeliveries", needs: PartChannels, Title: "Messages are not redelivered in a loop",
			Why: "A message that fails and is requeued fails again at once, and keeps consumers and broker busy.",
			run: checkRedeliveries,
			Fix: "Retry with a delay and a last attempt (retry: on a queue), and dead-letter what keeps failing.",
		},
	}
}

func checkPrefetch(in *Inspection) (Status, []string) {
	shared := map[string]bool{} // channels whose consumers share a limit
	for _, c := range in.Channels {
		shared[c.Name] = c.GlobalPrefetch > 0
	}
	var without, much []string
	for _, c := range in.Consumers {
		switch {
		case c.Ack && c.Prefetch == 0 && !shared[c.Channel]:
			without = append(without, c.VHost+"/"+c.Queue)
		case c.Prefetch > maxPrefetch:
			much = append(much, fmt.Sprintf("%s/%s (%d)", c.VHost, c.Queue, c.Prefetch))
		}
	}
	switch {
	case len(without) > 0 && !tellsSharedPrefetch(in.Version):
		return Warning, []string{fmt.Sprintf("%s without a limit of their own, of the queues %s; RabbitMQ %s "+
			"does not report one that the consumers of a channel share",
			plural(len(without), "consumer", "consumers"), NameSome(distinct(without)), in.Version)}
	case len(without) > 0:
		return Error, []string{fmt.Sprintf("%s without a limit, of the queues %s",
			plural(len(without), "consumer", "consumers"), NameSome(distinct(without)))}
	case len(much) > 0:
		return Warning, []string{fmt.Sprintf("%s with a prefetch of more than %d: %s",
			plural(len(much), "consumer", "consumers"), maxPrefetch, NameSome(distinct(much)))}
	}
	if len(in.Consumers) == 0 {
		return nobody("consumes")
	}
	return OK, []string{plural(len(in.Consumers), "consumer", "consumers") + ", none without a limit"}
}

// tellsSharedPrefetch reports whether a broker reports the prefetch that the consumers of a channel
// share (fact shared-prefetch).
func tellsSharedPrefetch(version string) bool {
	return version == "" || !capability.VersionAtLeast(version, "4.0") || capability.VersionAtLeast(version, "4.3")
}

func checkAcknowledgements(in *Inspection) (Status, []string) {
	var without []string
	for _, c := range in.Consumers {
		if !c.Ack {
			without = append(without, c.VHost+"/"+c.Queue)
		}
	}
	if len(without) > 0 {
		return Warning, []string{fmt.Sprintf("%s without acknowledgements, of the queues %s",
			plural(len(without), "consumer", "consumers"), NameSome(distinct(without)))}
	}
	if len(in.Consumers) == 0 {
		return nobody("consumes")
	}
	return OK, []string{"all of " + plural(len(in.Consumers), "consumer", "consumers")}
}

// amqp091 reports whether a client connected with AMQP 0-9-1: heartbeats of other protocols mean
// other things, and the broker's connections to itself have none.
func (c *Connection) amqp091() bool { return strings.HasPrefix(c.Protocol, "AMQP 0-9-1") }

func checkHeartbeat(in *Inspection) (Status, []string) {
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
			NameSome(without))}
	}
	if all == 0 {
		return nobody("is connected")
	}
	return OK, []string{"all of " + plural(all, "connection", "connections")}
}

func checkConfirms(in *Inspection) (Status, []string) {
	var without []string
	publishing := 0
	for _, c := range in.Channels {
		confirms := c.Confirm || c.Tx
		if c.Published == 0 || c.Young && !confirms {
			continue
		}
		if publishing++; !confirms {
			without = append(without, c.Name)
		}
	}
	switch {
	case len(without) > 0:
		return Warning, []string{fmt.Sprintf("%s without confirms: %s",
			plural(len(without), "channel publishes", "channels publish"), NameSome(without))}
	case publishing == 0:
		return nobody("publishes")
	}
	return OK, []string{"all of " + plural(publishing, "channel that publishes", "channels that publish")}
}

func checkRedeliveries(in *Inspection) (Status, []string) {
	var looping []string
	for _, c := range in.Channels {
		if c.Delivered >= minDeliveries && c.Redelivered*100 >= c.Delivered*maxRedelivered {
			looping = append(looping, fmt.Sprintf("%s (%d of %d)", c.Name, c.Redelivered, c.Delivered))
		}
	}
	if len(looping) > 0 {
		return Warning, []string{fmt.Sprintf("most deliveries of %s redeliveries: %s",
			plural(len(looping), "channel are", "channels are"), NameSome(looping))}
	}
	return OK, []string{"no channel gets mostly redeliveries"}
}

// nobody is the result of a check about clients when there are none.
func nobody(does string) (Status, []string) { return Unknown, []string{"nobody " + does + " now"} }

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
