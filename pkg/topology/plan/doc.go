// Package plan compares what a topology file declares with what a broker has, and says what would
// have to change.
//
// Diff makes the Plan of an apply, Destroy that of a removal, Check and CheckVersion only the
// problems of one. A Plan is a value: it can be shown, compared with a later one (SameAs), and
// executed by package apply.
//
// # Terms
//
// A Step is one change to one object. A step is blocked when it may lose messages, or take an object
// from another topology, and the Options do not allow that. A problem is what the broker would
// refuse, or accept and ignore. Ownership is the record, kept in the broker, of what a topology
// applied: only that is ever pruned.
//
// # Guarantees
//
// The package does no I/O and changes no argument. The same arguments make the same plan, in the
// same order. Two equal states make an empty plan, and a plan that was applied in full leaves an
// empty one behind. No step deletes more messages than Options.MaxMessageLoss allows in all.
//
// # Limits
//
// Counts of messages are as old as those that were read: a writer counts again before it deletes.
// Kinds that could not be read are not compared, which the plan reports.
package plan
