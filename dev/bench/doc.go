// Command bench compares msgctl with reference programs in the same run and prints ratios, because
// absolute times say little about another machine. `go run ./dev bench` runs it.
//
// apply: for each broker in MSGCTL_TEST_BROKERS and each size, it compares the first apply with the
// bulk import of the broker (POST /api/definitions) and with sequential PUTs by rabbit-hole. It
// compares the second, unchanged apply with the first, and reports its number of HTTP requests and
// the peak memory.
//
// dlq: for each broker, queue type and message size, it compares `msgctl dlq replay` with the
// dynamic shovel of the broker and with a bare loop on the client library. Each of them gets its
// own queue with the same messages.
//
// migrate: for each broker, it compares `msgctl queue convert` from classic to quorum with dynamic
// shovels that move the same messages out and back.
//
// group: for each broker, it compares `msgctl dlq inspect --group-by`, without and with --where,
// with a bare consumer.
//
// tail: for each broker, it compares `msgctl tail`, which writes to a file, with a bare consumer of
// a queue bound to the same exchange. A publisher fills the exchange as fast as it can.
//
// consume: for each broker, it compares `msgctl consume` (--discard, a persistent process, an HTTP
// endpoint) with a consumer on the client library that handles each message the same way.
//
// publish: for each broker, it compares `msgctl publish --ndjson`, which validates against a
// schema, with a loop on the client library that has a window of confirms.
//
// start: without a broker, it measures the time of `msgctl --help` and `msgctl version`, process
// start included.
//
// offline: without a broker, it compares `msgctl lint` and `msgctl test` on a file of 10,000 queues
// and 20,000 bindings with a bare YAML parser.
//
// The flag -only selects one part. The reference programs are in package reference.
package main
