// Package report is what is told of moving messages: what became of each (Record), in sum (Result),
// how far a run is (Progress), and what happens to it (Notice).
//
// # Terms
//
//   - An outcome is what became of a message; a reason is a stable code for why it stays where it
//     is.
//   - A tally counts both, for a result. A meter tells an observer, one call at a time.
package report
