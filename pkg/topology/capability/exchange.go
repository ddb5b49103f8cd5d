package capability

import "strings"

// predeclaredTypes has the exchanges that every vhost has from the start, with their types. All are
// durable.
func predeclaredTypes() map[string]string {
	return map[string]string{
		"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic", "amq.headers": "headers",
		"amq.match": "headers", "amq.rabbitmq.trace": "topic",
	}
}

// IsReserved reports whether a name begins with amq., which only the broker itself may declare and
// delete.
func IsReserved(name string) bool { return strings.HasPrefix(name, "amq.") }

// IsPredeclared reports whether every vhost has an exchange of that name from the start. The
// default exchange is "".
func IsPredeclared(exchange string) bool {
	_, ok := predeclaredTypes()[exchange]
	return ok
}

// PredeclaredType returns the type of an exchange that every vhost has from the start, "" for
// others.
func PredeclaredType(exchange string) string { return predeclaredTypes()[exchange] }

// IsBrokerDeclared reports whether the broker declares an exchange of that name by itself when a
// feature is turned on: the log exchange, and the event exchange plugin.
func IsBrokerDeclared(exchange string) bool {
	return exchange == "amq.rabbitmq.log" || exchange == "amq.rabbitmq.event"
}

// delayedMessage is the exchange type of a plugin that was archived in January 2026 and that 4.3
// has no release of.
const delayedMessage = "x-delayed-message"

// insteadOfDelayed says how to delay messages without that plugin.
const insteadOfDelayed = "the plugin rabbitmq_delayed_message_exchange was archived in January 2026, and there is " +
	"none " +
	"for 4.3: publish to a queue with messageTTL and without consumers that dead-letters where the message is to go " +
	"(a queue for each delay), or, to delay a retry, give the queue retry: { backoff: [...] }"

// exchangePlugins has the plugin that brings an exchange type.
func exchangePlugins() map[string]string {
	return map[string]string{
		"x-consistent-hash": "rabbitmq_consistent_hash_exchange",
		"x-delayed-message": "rabbitmq_delayed_message_exchange (a community plugin)",
		"x-random":          "rabbitmq_random_exchange", "x-recent-history": "rabbitmq_recent_history_exchange",
		"x-modulus-hash": "rabbitmq_sharding",
		"x-jms-topic":    "rabbitmq_jms_topic_exchange", "x-federation-upstream": "rabbitmq_federation",
		"x-event":                 "rabbitmq_event_exchange",
		"x-rtopic":                "rabbitmq_rtopic_exchange (a community plugin)",
		"x-message-deduplication": "rabbitmq_message_deduplication (a community plugin)",
	}
}
