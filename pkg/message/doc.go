// Package message holds a RabbitMQ message: its properties, typed headers and body, how it died,
// what a framework noted about the failure, and the headers it must carry to be published again.
//
// # Terms
//
//	origin         where the message was before it was dead-lettered: exchange, routing key, queue
//	death          one entry of the death history, x-death: a queue, a reason, a count
//	failure        what a framework (NServiceBus, MassTransit, Celery, …) noted in the headers
//	wait queue     a queue of a retry step, whose messages expire into the next attempt
//	broker-owned   a header that only the broker may write, see BrokerOwned
//
// # Guarantees
//
// The package does no I/O and imports no AMQP client. Nothing in it changes the message it is
// given. Headers come from outside: every reader bounds its work and copes with any type.
//
// # Limits
//
// A client's table is taken over by converting its top level only (message.Table(amqpTable)):
// nested values keep the client's own types, because decoding headers is already most of the cost
// of a message and a deep copy would double it. So nested values are read through AsTable, AsArray,
// AsDecimal and AsInt, which accept every type of the same shape, and never by a type assertion to
// Table. Native goes the other way, for a client that insists on its own types.
//
// Subpackages: archive (NDJSON files that restore a message exactly), document (messages as JSON),
// filter (conditions and keys in the language of expr), body (bodies for people to read).
package message
