// Package amqpwire reads deliveries off a connection that belongs to the AMQP client library:
// frames in, deliveries out. Nothing else in this module knows frames.
//
// Conn stands between the library and the network. It takes the frames of deliveries out of what is
// read and puts them, undecoded, into the Inbox of their channel; everything else passes to the
// library, which remains the owner of connection and channels. A Decoder makes a message of what an
// Inbox holds when it is received.
//
// Why: the library makes some 250 allocations for the headers of one dead letter, and hands each
// delivery through two goroutines. That is half of the processor time that a replay takes; decision
// 11 has the measurements.
//
// What it guarantees: a delivery that it takes, the library would take, with the same result (a
// fuzz test lets both read the same frames); what breaks the protocol is left to the library, which
// ends the connection. Depth and number of header values are bounded as in the library, and room is
// made for a body as it comes, not as it is announced. The one difference: an array that ends amid
// a value is whole for the library, and an error here; no broker writes one.
//
// Limits: it does not bound what waits in an Inbox, the prefetch does. A priority of 0 and none, or
// an empty text property and none, are read alike, as by the library.
package amqpwire
