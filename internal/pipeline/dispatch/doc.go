// Package dispatch is the part of the engine for work without an end. It takes messages from a
// queue until it is told to stop, and hands them to several workers. A task of package pipeline, in
// contrast, takes a snapshot through one worker, and ends.
//
// # Terms
//
//   - A job is one delivery in progress. It ends exactly once: it is done (acknowledged), rejected
//     (a failed attempt) or held (returned to the queue at the end).
//   - A lane consists of the jobs with one key. They run one after another, in the order in which
//     they came. Jobs without a key have no lane.
//   - The grace is the time that jobs have to end after the dispatcher was told to stop.
//
// # Guarantees
//
// The guarantees of package pipeline apply: a message is acknowledged only after its job is done.
// Jobs behind a slow one are acknowledged individually, so they do not wait for it.
//
// With Ordered, no job begins before the one ahead of it in its lane has ended, nor before all jobs
// of a lost connection have ended. The queue is consumed exclusively, because two consumers would
// overtake each other. At the end, messages are returned in the order of the queue.
//
// # What a crash may duplicate
//
// A crash may duplicate messages whose jobs were done and whose acknowledgements the broker had not
// applied: at most the prefetch.
//
// # Limits
//
// Unlike a run, a dispatcher does not recognize messages that it acknowledged before a connection
// was lost: their jobs begin again. Callers that must not repeat work remember message ids
// themselves.
package dispatch
