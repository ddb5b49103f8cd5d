// Package event knows typed domain events: their envelope, how it travels in a message, and the
// catalogue of types that says where an event goes and what its payload must look like.
//
//	Envelope   an event; Parse and JSON read and write its JSON, byte for byte as far as the payload goes
//	Message    an event as a message, FromMessage the way back: as an envelope, or as a CloudEvent in either mode
//	Catalogue  the declared types: Check, Validate, Key, Sample
//	Compare    what a change of a schema breaks
//
// Events come from outside: Parse bounds size and depth, refuses wrong types, and ignores (but
// keeps) what it does not know. The package does no I/O of its own: schemas are read through the
// fs.FS that a Type brings along, and never from a network.
package event
