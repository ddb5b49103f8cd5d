// Package report describes to users how messages were moved: the outcome of each message (Record),
// the totals (Result), the state of a run (Progress), and events during it (Notice).
//
// # Terms
//
//   - An outcome is the result for one message. A reason is a stable code that says why a message
//     stays where it is.
//   - A tally counts outcomes and reasons for a result. A meter calls an observer, one call at a
//     time.
package report
