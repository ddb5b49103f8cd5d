// Package amqp speaks AMQP 0-9-1 with a RabbitMQ broker. It and its subpackage declare are the only
// importers of the client library amqp091-go.
//
//   - A RecoveringConnection performs idempotent operations in a vhost, several at once, and opens
//     its connection again after a loss.
//   - Client.Dialer returns a publish.Dialer. Its channels publish with confirms.
//   - Client.Source returns a consume.Source. Its subscriptions record what is settled.
//   - Client.Tails returns a tail.Dialer. Its subscriptions watch messages without consuming them,
//     through a private queue or in a stream.
//
// Guarantees: only what the caller settles is acknowledged. A message is reported as confirmed only
// if the broker confirmed it, and a return is reported before its confirm. Every wait ends with its
// context or with the timeout of the options. Subscriptions and channels are not restored after a
// lost connection: they end with an error that wraps consume.ErrLost or publish.ErrLost, and
// internal/pipeline opens new ones.
//
// The subpackage wire sits between the library and the network. It gathers small writes, limits how
// far a tail reads ahead, and carries properties that the library's types cannot tell from absent
// ones. Errors are worded for users; internal/refusal explains refusals.
//
// Limits: an empty header table is read and written as none. A delivery mode of 0 is read, but
// written as none: AMQP defines only 1 and 2 (fact delivery-mode-zero). Decision 11 states the cost
// of decoding in the library.
package amqp
