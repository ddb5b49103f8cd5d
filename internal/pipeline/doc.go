// Package pipeline moves messages: from a queue to an effect, or from a source into a confirmed
// publisher. Replay, move, purge and archive export are tasks. Archive import and publish from
// files are bulk publications. Consume is a dispatcher (package dispatch). Browse holds its
// messages in sessions.
//
// # Terms
//
//   - A session is one subscription and the ledger of its deliveries. A delivery is open until it
//     is done (to be acknowledged), held (to be returned at the end) or rejected.
//   - A task says which messages of a queue to take, what to decide about each (skip, leave,
//     process), and which effect to apply to those to process: publish, keep in an archive,
//     discard. A run is a task in progress. A job is one message in the effect.
//   - The snapshot is the number of messages that were ready when the run began. Later messages are
//     not part of the run.
//   - A BulkPublish publishes messages that do not come from a queue.
//   - A barrier is a moment at which the broker is known to have applied all acknowledgements.
//
// Package dispatch is for work without an end, by several workers. Package reconnect defines the
// reconnection policy, redelivery recognizes messages that were confirmed before a loss, and report
// has the results and notices for users.
//
// # Guarantees
//
// No message is acknowledged before its effect is known: the publication is confirmed and was not
// returned, the archive is durable, or the user asked to discard the message. A message that failed
// or was left returns to its queue. Sessions are returned in the order in which they were opened,
// so the queue keeps its order where the broker allows it.
//
// A lost connection ends neither a run nor a BulkPublish: they reconnect (package reconnect) and
// continue. A run first waits until nothing is in flight, so that it knows what arrived. If a
// confirmed message returns because its acknowledgement was lost, the run recognizes it and
// acknowledges it again, without sending it again. At its end, a run looks for such messages. A
// message without an outcome is sent again, and counted.
//
// With a limit, acknowledgements near its end wait until the consumer has ended, so that they do
// not make the broker send messages that nobody asked for. These are at most as many as the
// prefetch.
//
// A message that ends the connection whenever it is delivered does not do so forever. The pauses
// grow while there is no progress. After several losses in quick succession, messages are taken one
// at a time, which identifies the message. The run then ends with a StuckError; everything before
// the message is done. No other message is delivered more than a few times because of it.
//
// An interruption (the end of the context) starts nothing new, and waits a limited time for
// messages in flight. However a run ends, it waits until the broker has applied its
// acknowledgements before it closes a channel (fact acks-lost-on-close).
//
// Package pipelinetest provides a broker that loses connections between any two steps. The property
// tests of all users run against it: replay, export and import (pkg/dlq/replay), browse, consume
// (pkg/consume/runner) and BulkPublish.
//
// # What a crash may duplicate
//
// The process may die, or a connection may be lost, after a confirm and before the broker has
// applied the acknowledgement. Then the message is both at its target and in its queue. This
// concerns at most as many messages as the prefetch. If a BulkPublish dies, the outcome of at most
// one window of messages is unknown. No message is lost.
//
// # Limits
//
// Messages without message_id, and identical messages, cannot be recognized after a lost
// connection, and are sent again. A lost connection returns messages by closing the channel, which
// counts against the delivery limit of a quorum queue. The prefetch bounds the number of jobs and
// the bytes in memory; the broker counts it in messages.
package pipeline
