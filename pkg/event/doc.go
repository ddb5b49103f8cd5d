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
// The package never changes a payload: Parse keeps its bytes, and JSON and Message write them.
// Unknown members are kept in Extra. A schema is compiled once, and only the validator decides
// whether a payload is valid. If Compare reports that a change breaks nobody, every payload that
// was valid before is still valid.
//
// # Limits
//
// Events are untrusted input: Parse limits their size (MaxBytes), their depth and the number of
// members of an envelope. Schemas are JSON Schema 2020-12 and are read through the fs.FS in Type,
// never from a network. The package does no other I/O. A Catalogue is safe for concurrent use.
package event
