// Package definitions reads RabbitMQ's definitions files, of a cluster or of one vhost. Brokers of
// any version export them (GET /api/definitions, rabbitmqctl export_definitions), and people write
// them by hand.
//
// Is recognises such a file, Read decodes it, and File.Objects returns what it declares. A
// definitions file also holds what identifies a cluster or lives with a connection: that is left
// out with a warning. References between objects are not checked here, but by package spec.
package definitions
