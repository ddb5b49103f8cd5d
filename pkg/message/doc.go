// Package message holds a RabbitMQ message: its properties, typed headers and body, its death
// history, the failure that a framework noted, and the headers needed to publish it again.
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
// The package does no I/O and imports no AMQP client. It never changes a message that it is given.
// Headers are untrusted input: every reader limits its work and accepts any type.
//
// # Limits
//
// A client library's table is adopted by converting its top level only (message.Table(amqpTable)).
// Nested values keep the library's own types: decoding headers is already most of the cost of a
// message, and a deep copy would double it. So read nested values through AsTable, AsArray,
// AsDecimal and AsInt, which accept every type of the same shape, and never by a type assertion to
// Table. Native does the reverse, for a client library that requires its own types.
//
// Subpackages: archive has NDJSON files that restore a message exactly, body has bodies for people
// to read, and document has messages as JSON. filter has conditions and keys in the language of
// expr, and transform has changes by a jq program.
package message
