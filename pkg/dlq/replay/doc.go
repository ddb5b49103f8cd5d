// Package replay takes messages out of dead-letter queues: Replay sends them back to where they
// died, Move anywhere else; Purge destroys them, Drain keeps them in an archive, and Restore puts
// back what an archive holds.
//
// A message leaves its queue only after its copy is confirmed or durably written, or because the
// user asked to destroy it: see internal/pipeline, which does the work, for the guarantees and for
// what a crash may duplicate.
//
// # Limits
//
// A broker's death history can be forged by clients on 3.10; nothing here trusts its form. Streams
// can be copied from only.
package replay
