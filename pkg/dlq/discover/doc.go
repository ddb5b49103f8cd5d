// Package discover finds the queues that dead letters reach, from where and why, and the queues
// whose dead letters reach no queue. It is pure: it works on the state read from a broker, or on a
// file.
//
// # Terms
//
//   - A source of a queue is another queue whose dead letters reach it, through a dead-letter
//     exchange or by the convention of a framework.
//   - The role of a queue is dead-letter (dead letters end there), wait (a retry step, where
//     messages expire on purpose) or work.
//   - A routing key set describes the keys that dead letters can have.
//
// # Limits
//
// Bindings by headers, and the exchanges of plugins, may or may not match: such paths are reported
// as possible. A queue to which consumers publish errors themselves is found only by its name, or
// by the content of its first message.
package discover
