// Package apply executes a plan on a broker, through a Writer.
//
// Run goes through the steps by kind, several objects of one kind at a time, and tells an Observer
// of each. The Result says of each step whether it is done, has failed, or was skipped because
// something that it depends on is not there.
//
// # Guarantees
//
// Only the steps of the plan are executed, each at most once. A plan with errors or blocked steps
// is refused before anything is written. What the topology owns is recorded before the first object
// is made, so that a program that is killed leaves no object without an owner. After an
// interruption, writes that have begun still finish, so the Result is true.
//
// # Limits
//
// An apply is not a transaction: when a step fails, those before it stay done, and another apply
// does the rest. A write that times out may or may not have happened, and counts as failed.
package apply
