// Command bench measures msgctl beside reference points in the same run and prints ratios: absolute
// times say little on another machine. `go run ./dev bench` runs it.
//
// For every broker in MSGCTL_TEST_BROKERS and every size: the first apply against the broker's own
// bulk import of the same objects (POST /api/definitions) and against sequential PUTs with
// rabbit-hole; the second, unchanged apply against the first, with its number of HTTP requests;
// peak memory.
//
// For every broker, type of queue and size of message: `msgctl dlq replay` against the broker's own
// dynamic shovel and against a bare loop on the client library; and `msgctl dlq inspect
// --group-by`, without and with --where, against a bare consumer. Everyone gets a queue of its own
// with the same messages.
//
// For every broker: `msgctl tail` of an exchange that a publisher fills as fast as it can, to a
// file, against a bare consumer of a queue bound to it.
//
// For every broker: `msgctl consume` with --discard, a persistent process and an HTTP endpoint,
// against a consumer of the client library that does the same with each message.
//
// For every broker: `msgctl publish --ndjson` with a schema, against a loop on the client library
// with a window of confirms.
//
// Without a broker: the time of `msgctl --help` and `version`, process start included. `msgctl
// lint` and `msgctl test` on a file of 10,000 queues and 20,000 bindings, against a bare YAML
// parser. -only takes one part of all this.
//
// What msgctl is measured against is in package reference.
package main
