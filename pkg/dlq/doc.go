// Package dlq finds dead-letter queues and works with what is in them.
//
//   - Discover (pure) says which queues dead letters reach, from where and why, and whose dead
//     letters reach nothing.
//   - Assess (pure) says whether looking into a queue is safe, how to do it, and what it does.
//     Browse looks, without taking anything out; Grouper sums up what it sees in bounded memory.
//     Guard lifts a quorum queue's delivery limit meanwhile.
//   - Replay moves messages back to where they died, or anywhere else; Purge, Drain and Import
//     remove, keep and restore them.
//
// Guarantees: a message leaves its queue only after its copy is confirmed or durably written, or
// because the user asked to destroy it. Looking returns every message with an explicit nack, also
// when it is interrupted; what a look would harm is refused.
//
// Limits: only a lost connection returns messages by closing the channel, which counts against the
// delivery limit of a quorum queue. A broker's death history can be forged by clients on 3.10;
// nothing here trusts its form.
//
// Behaviour of brokers that the package relies on was seen on 3.10.8, 4.0.5 and 4.3.6, and is
// tested against live ones. The package prints nothing and imports no client library: it works
// through consume.Source, publish.Channel and the small interfaces that it defines itself.
package dlq
