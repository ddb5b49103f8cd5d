// Package amqp speaks AMQP 0-9-1 with a RabbitMQ broker. It is the only importer of the client
// library amqp091-go, together with its subpackage declare.
//
//   - A RecoveringConnection does idempotent operations in a vhost, several at once, and opens its
//     connection again when it was lost.
//   - Client.Dialer opens channels that publish with confirms: a publish.Channel.
//   - Client.Source subscribes to queues: a consume.Subscription, with a ledger of what is settled.
//   - Client.Tails watches without taking away: a private queue, or a stream.
//
// What it guarantees: nothing is acknowledged that the caller did not settle; a message is told to
// be confirmed only when the broker confirmed it, and a return comes before its confirm; every wait
// ends with its context or the options' timeout. Subscriptions and channels are not restored when
// their connection is lost: they end with an error that wraps consume.ErrLost or publish.ErrLost,
// and internal/pipeline opens new ones.
//
// Small writes are gathered, and reading ahead of a tail is bounded (the subpackage wire). Errors
// are for people: refusals are explained by internal/refusal.
//
// Limits: an explicit priority of 0 is read as none and written as none, as the library's types
// have it. What decoding costs, and why it is the library's all the same: decision 11.
package amqp
