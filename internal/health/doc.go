// Package health judges a live broker: whether it can do its work now (Problems), and whether it is
// run as a production broker should be (Checks). It only judges; the caller reads the Facts.
//
// Facts are what the broker reports about itself at one moment. An Inspection adds what follows
// from its topology: dead letters, findings of lint, and differences from the topology files. A
// Problem keeps the broker from its work, or soon will. A Check is one item of the production
// checklist, a Result its outcome. A Status is how bad a problem or a result is.
//
// A part of the facts that the user may not read is Unread. Checks that need it are Unknown, never
// OK.
package health
