// Package topology describes the objects of a RabbitMQ cluster: vhosts, users, permissions, limits,
// parameters, policies, exchanges, queues and bindings.
//
// A State is a set of objects that a file declares, a Live the one that a broker has. Objects are
// values with a Ref, which identifies one on a broker, and Fields, which can differ between two of
// the same Ref. Ownership is the record of what a topology applied.
//
// Package spec reads states from files, internal/broker reads them from brokers. Package plan
// compares the two, and package apply makes the changes. This package does no I/O and imports no
// client library.
package topology
