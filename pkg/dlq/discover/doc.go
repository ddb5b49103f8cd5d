// Package discover says which queues of a broker dead letters reach, from where and why, and whose
// dead letters reach nothing. It is pure: it works on what was read of a broker, or on a file.
//
// # Terms
//
//   - A source is a queue whose dead letters reach another queue, by a dead-letter exchange or by
//     the convention of a framework.
//   - The role of a queue is dead-letter, wait (a retry step, where messages expire on purpose) or
//     another.
//   - A routing key set is what is known of the keys that dead letters carry.
//
// # Limits
//
// Bindings by headers, and exchanges of plugins' types, may or may not match: such paths are called
// possible. Consumers that publish to an error queue themselves are found by the names of queues
// and by what messages say of themselves.
package discover
