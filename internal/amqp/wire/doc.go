// Package wire has network connections for the AMQP client library to read from and write to.
// Coalescer gathers small writes, Meter keeps from reading too far ahead; they pass every byte on
// unchanged and know nothing of frames. Frames looks at the frames: it carries what the library's
// types cannot express, and ends a connection whose broker does not keep to the protocol.
package wire
