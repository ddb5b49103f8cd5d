// Package redelivery recognizes, after a lost connection, redelivered messages that were confirmed
// at their target before. They must be acknowledged, and not sent again.
//
// # Guarantees
//
// A message that was not confirmed is never mistaken for one that was. The opposite can happen, and
// causes a duplicate.
package redelivery
