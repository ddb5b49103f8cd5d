// Package redelivery tells, after a lost connection, which of the messages that the broker delivers
// again were confirmed at their target before. They must be acknowledged, and not sent again.
//
// # Guarantees
//
// A message that was not confirmed is never taken for one that was. The opposite can happen, and
// costs a duplicate.
package redelivery
