// Package message holds a RabbitMQ message as msgctl works with it: its properties, typed headers
// and body, how it died, what a framework wrote down about the failure, and the headers it must
// carry to be replayed safely.
//
// The package does no I/O and imports no AMQP client. A client's table is taken over by converting
// its top level only (message.Table(amqpTable)): nested values keep the client's own types, because
// decoding headers is already most of the cost of a message and a deep copy would double it. So
// nested values are read through AsTable, AsArray, AsDecimal and AsInt, which accept every type of
// the same shape, and never by a type assertion to Table. Native goes the other way, for a client
// that insists on its own types.
//
// Subpackages: archive (NDJSON files), filter (--where and --group-by expressions), body (bodies
// for people to read).
package message
