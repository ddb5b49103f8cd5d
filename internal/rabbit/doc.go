// Package rabbit reads and changes live RabbitMQ brokers, over AMQP 0-9-1 and the management API.
// It is the only importer of the two client libraries, and the only place that knows what a
// broker's refusals mean.
//
//   - Client.ReadLive reads the objects of some vhosts as a topology.Live, with a number of
//     requests that does not grow with the number of objects. Client.ReadAMQP does what can be done
//     without the management API.
//   - Client is a topology.Writer. Exchanges, queues and bindings go over AMQP where it is
//     reachable (eight channels equal the broker's own bulk import; parallel HTTP PUTs are slower
//     on 4.x), everything else over HTTP.
//   - Client.Refine counts what is at stake in queues that are to go; Client.LockApply keeps two
//     applies apart.
//
// Errors are for people: they say what was tried, what the broker holds against it in the terms of
// the topology file, and what to do. Callers branch on the sentinels of package topology that they
// wrap.
//
// Behaviour of brokers that the package relies on was seen on 3.10.8, 4.0.5 and 4.3.6, and is
// tested against live ones.
package rabbit
