// Package replay takes messages out of dead-letter queues. Replay sends them back to the queue
// where they died, Move sends them anywhere else, Purge destroys them, and Drain writes them to an
// archive. Restore publishes the messages of an archive.
//
// A message leaves its queue only after its copy is confirmed or durably written, or because the
// user asked to destroy it. internal/pipeline does the work; its package comment gives the
// guarantees and says what a crash may duplicate.
//
// # Limits
//
// Clients can forge a death history (fact client-death-history), so nothing here trusts its form.
// Streams can only be copied from.
package replay
