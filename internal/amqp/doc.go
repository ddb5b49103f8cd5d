// Package amqp speaks AMQP 0-9-1 with a RabbitMQ broker. It is the only importer of the client
// library amqp091-go, together with its subpackage declare.
//
//   - A RecoveringConnection does idempotent operations in a vhost, several at once, and opens its
//     connection again when it was lost.
//   - Client.Dialer opens channels that publish with confirms: a publish.Channel.
//   - Client.Source subscribes to queues: a consume.Subscription, with a ledger of what is settled.
//   - Client.Tails watches without consuming: a private queue, or a stream.
//
// Guarantees: only what the caller settles is acknowledged. A message is reported as confirmed only
// if the broker confirmed it, and a return is reported before its confirm. Every wait ends with its
// context or the options' timeout. Subscriptions and channels are not restored if their connection
// is lost: they end with an error that wraps consume.ErrLost or publish.ErrLost, and
// internal/pipeline opens new ones.
//
// Below the library (the subpackage wire) small writes are gathered, reading ahead of a tail is
// bounded, and properties go by that the library's types cannot tell from absent ones. Errors are
// for people: refusals are explained by internal/refusal.
//
// Limits: an empty table of headers is read and written as none. A delivery mode of 0 is read, but
// written as none: AMQP knows 1 and 2 only, and 3.10 closes the channel because of it. Decision 11
// has the cost of decoding by the library.
package amqp
