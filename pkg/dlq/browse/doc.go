// Package browse looks into queues without taking anything out of them.
//
//   - Assess (pure) says whether a look is safe, how to do it, and what it does to the queue. What
//     a look would harm is refused.
//   - Browse calls a function with each message, and returns all of them in their order.
//   - An override lifts a quorum queue's delivery limit for the time of a look, with a policy.
//   - Grouper sums up what a look sees, in bounded memory.
//
// A look holds messages in sessions of the engine (internal/pipeline), which has their ledger and
// the waits between returns. It is no task of the engine: a task settles as it goes, while a look
// settles nothing before its end, takes sessions of the size that memory allows, and returns them
// in the order that suits the type of the queue.
//
// # Guarantees
//
// A look returns every message with an explicit nack, also when it is interrupted. Messages that
// would not survive their return are kept as confirmed copies at the end of the queue.
//
// # Limits
//
// Only a lost connection returns messages by closing the channel, which counts against the delivery
// limit of a quorum queue. The flag redelivered is set on everything that was looked at.
package browse
