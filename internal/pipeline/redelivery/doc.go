// Package redelivery recognizes messages that are delivered again after a lost connection although
// they were confirmed at their target before. They must be acknowledged and not sent again.
//
// # Guarantees
//
// An unconfirmed message is never taken for a confirmed one. The opposite can happen, and causes a
// duplicate.
package redelivery
