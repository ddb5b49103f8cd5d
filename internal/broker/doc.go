// Package broker is one live RabbitMQ broker over both of its protocols: AMQP 0-9-1 (internal/amqp)
// and the management API (internal/management).
//
//   - Client.ReadLive reads the objects of some vhosts as a topology.Live. Without the management
//     API, Client.ReadAMQP reads what can be known.
//   - Client is an apply.Writer. Exchanges, queues and bindings go over AMQP where it is
//     reachable (fact declarations-in-parallel), everything else over HTTP.
//   - Client.Refine counts the messages of queues that a plan deletes; Client.Lock prevents two
//     applies at the same time; Client.OpenTestVHost creates a vhost to test a topology in.
//   - Client.Source, Dialer and Tails receive and send messages.
//
// Errors are for people: they say what was tried, why the broker refused it in the terms of the
// topology file, and what to do. Callers branch on the sentinels of package topology that they
// wrap.
//
// Comments refer by name to the table of facts about brokers in package capability.
package broker
