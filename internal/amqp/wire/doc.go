// Package wire has network connections for the AMQP client library to read from and write to: one
// gathers small writes, one keeps from reading too far ahead. They pass every byte on unchanged,
// and know nothing of frames.
package wire
