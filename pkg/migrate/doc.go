// Package migrate describes how a queue is replaced by one of another type, with other arguments or
// under another name, together with its messages, while applications publish and consume. It is
// pure; package run executes a migration on a broker.
//
// # Terms
//
//   - A migration is the replacement. A job is its record, which is kept in the broker as a global
//     parameter, so that any machine can go on after msgctl was killed.
//   - The route is an exchange that takes the place of the queue in all bindings. It is bound to the
//     queue. Its alternate exchange leads to the arrivals.
//   - The backlog is a queue for the messages that were in the queue. The arrivals are a queue for
//     those that are published meanwhile.
//   - A publisher by name sends to the default exchange with the name of the queue as the key.
//
// # How no message is lost or doubled
//
// A message that reaches a queue on two ways arrives once. So the bindings are copied to the route
// first, and removed from the queue afterwards: until then both ways lead to the same queue. When
// the only binding of the route, to the queue, is removed, the alternate exchange takes over; the
// broker decides that for each message as a whole. It is the same on the way back. The broker reads the
// bindings of two exchanges one after the other. So a way is closed 1 s after the last binding to it
// is gone, when no publication is between the two.
//
// # Limits
//
// What killing msgctl may double is at most one window of messages that were being moved. Publishers
// by name do not take the route. The name of the queue is missing for some milliseconds while the
// queue is replaced.
package migrate
