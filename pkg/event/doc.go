// Package event reads, checks and writes typed domain events.
//
// # Terms
//
//	Envelope   an event: id, type, time, version, aggregate, metadata and the payload
//	payload    the event's own data, JSON
//	Type       what a topology file declares of the events of one type: where they are published,
//	           with which routing key, and the JSON Schema of their payload
//	Catalogue  the declared types
//	Violation  one way in which a payload breaks its schema
//	Format     how an event travels in a message: as an envelope, or as a CloudEvent in binary or
//	           structured mode
//
// # Guarantees
//
// A payload is never changed: Parse keeps its bytes, and JSON and Message write them. Members that
// the package does not know are kept in Extra. A schema is compiled once, and the validator alone
// decides whether a payload is right. What Compare reports as breaking nobody takes every payload
// that was right before.
//
// # Limits
//
// Events come from outside: Parse bounds their size (MaxBytes), their depth and the members of an
// envelope. Schemas are JSON Schema 2020-12 and read through the fs.FS that a Type brings along,
// never from a network. The package does no other I/O. A Catalogue may be used by several
// goroutines at once.
package event
