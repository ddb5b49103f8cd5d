// Package report describes moving messages to users: the outcome of each message (Record), the
// totals (Result), the state of a run (Progress), and events during it (Notice).
//
// # Terms
//
//   - An outcome is the result for one message; a reason is a stable code for why it stays where it
//     is.
//   - A tally counts both, for a result. A meter calls an observer, one call at a time.
package report
