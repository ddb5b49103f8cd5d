// Package capability says what a RabbitMQ broker supports, by its version: which arguments each
// queue type takes, which keys a policy may have, which exchanges every vhost has.
//
// Terms: a queue type takes an argument when it obeys it; a broker ignores an argument that it
// accepts and does not obey; it refuses a declaration with an error. Since is the first version of
// a range, Until the first version after it. The version "" is unknown: what any supported version
// does counts as done. Supported is RabbitMQ 3.10 and newer.
//
// Tests in pkg/topology hold the tables against live brokers of every release line that msgctl
// supports. The package does no I/O and keeps no state. What its functions return is a copy.
package capability
