// Package browse reads the messages of a queue and leaves all of them in it.
//
//   - Assess (pure) says whether browsing a queue is safe, how to do it, and what it does to the
//     queue. It refuses what could do harm.
//   - Browse calls a function with each message, and returns all messages in their order.
//   - An override lifts a quorum queue's delivery limit during browsing, with a temporary policy.
//   - Grouper counts messages by group, in bounded memory.
//
// Browse holds messages in sessions of internal/pipeline, which tracks their delivery tags and the
// waits between returns. It is not a pipeline.Task, which settles as it proceeds. Browse settles
// nothing before its end, sizes its sessions by memory, and returns them in the order that suits
// the type of the queue.
//
// # Guarantees
//
// Browse returns every message with an explicit nack, also when it is interrupted. Messages that
// would not survive their return are kept as confirmed copies at the end of the queue.
//
// # Limits
//
// Only a lost connection returns messages by closing the channel, which counts against the delivery
// limit of a quorum queue. Every message that was browsed has the redelivered flag set.
package browse
