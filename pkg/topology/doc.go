// Package topology says how the objects of a RabbitMQ cluster (vhosts, users, permissions,
// policies, exchanges, queues, bindings and the rest) are declared, compared and changed.
//
// A State is what a file declares or what a broker has. Diff compares two of them and returns a
// Plan: a value that can be shown, written as JSON, and executed by Apply through a Writer. The
// package does no I/O of its own and imports no client library: internal/broker reads and writes
// brokers, pkg/topology/spec reads files.
package topology
