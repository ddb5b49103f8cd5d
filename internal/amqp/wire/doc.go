// Package wire provides network connections that the AMQP client library reads from and writes to.
// Coalescer gathers small writes and Meter limits how far a client reads ahead; both pass every
// byte on unchanged and know nothing of frames. Frames inspects the frames: it carries what the
// library's types cannot express, and ends a connection whose broker breaks the protocol.
package wire
