// Package declare creates, counts, compares and deletes exchanges, queues and bindings over AMQP,
// and probes a vhost with test messages.
//
// Functions take an amqp.RecoveringConnection, which restores a lost connection and repeats the
// operation. They return the broker's errors unexplained unless they say otherwise: see
// amqp.Explain.
package declare
