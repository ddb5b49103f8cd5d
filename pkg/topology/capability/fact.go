package capability

// Fact is one behaviour of brokers that the code relies on and that no table of this
// package holds. Comments refer to a fact by its ID.
type Fact struct {
	ID string
	// Text says what the broker does, in one or two sentences.
	Text string
	// Seen are the versions on which it was seen. nil means all of Versions.
	Seen []string
	// Test is the test that holds the fact against live brokers, as DIRECTORY.NAME. "" means that
	// no test does.
	Test string
}

// Versions returns the versions of RabbitMQ on which facts are seen, one of each release line that
// tests run on.
func Versions() []string { return []string{"3.10.8", "4.0.5", "4.3.6"} }

// Facts returns the table of facts, sorted by ID. docs/broker-facts.md shows it to people.
func Facts() []Fact {
	const (
		differential = "pkg/topology/route.TestTheSimulatorAgreesWithTheBroker"
		checks       = "pkg/topology/plan.TestChecksAgreeWithBrokers"
		refused      = "pkg/topology/spec/export.TestBrokersRefuseWhatIsRefusedOffline"
	)
	return []Fact{
		{ID: "acks-lost-on-close", Test: "internal/amqp.TestNothingComesBackBehindSettled",
			Text: "A channel hands at most 32 acknowledgements at a time to a quorum queue's log. Those that it keeps back " +
				"are lost when it closes, and their messages return."},
		{ID: "alternate-argument-wins", Test: differential,
			Text: "The alternate-exchange argument of an exchange wins over a policy."},
		{ID: "alternate-not-after-exchange", Test: differential,
			Text: "A binding to another exchange counts as a match: the alternate exchange gets nothing, even when no queue " +
				"is bound to that exchange."},
		{ID: "alternate-takes-over", Test: "internal/rabbittest/ledger.TestBoundBeforeUnbound",
			Text: "When the only binding of an exchange is removed, its alternate exchange takes over: each of 300,000 " +
				"messages went one way, in 1,150 turns. But a channel reads the bindings of two exchanges one after the other. " +
				"When both change meanwhile, a message can go both ways (1 of 300,000)."},
		{ID: "applied-policy-is-late",
			Text: "The management API's list of queues names the policy of a queue at once; its answer about a single " +
				"queue lags up to 7 s. The list names operator policies on 4.3 only."},
		{ID: "at-least-once-overflow", Test: differential,
			Text: "The dead-letter strategy at-least-once works with the overflow reject-publish only. With drop-head, the " +
				"default, a quorum queue falls back to at-most-once."},
		{ID: "bound-before-unbound", Test: "internal/rabbittest/ledger.TestBoundBeforeUnbound",
			Text: "While a queue gets the bindings of another, and the other is unbound once they are all confirmed, each " +
				"message reaches at least one of the two: of 100,000 on each line all did, on a cluster, too, where publishers " +
				"were on another node."},
		{ID: "busy-leader-counts-nothing",
			Text: "A passive declaration of a quorum queue whose leader does not answer within 250 ms says that there " +
				"are no messages and no consumers."},
		{ID: "bytes-after-messages", Seen: []string{"4.3.6"},
			Text: "The statistics of a queue count messages before they count their bytes."},
		{ID: "cancelled-consumer-counts",
			Text: "A cancelled consumer stays in the consumer count of a quorum queue until the last message that it " +
				"holds is settled."},
		{ID: "classic-dead-letters-unconfirmed", Seen: []string{"4.3.6"},
			Text: "A classic queue dead-letters without confirms. In 4 of 12 orderly shutdowns up to 289 expired " +
				"messages were lost."},
		{ID: "client-death-history", Seen: []string{"3.10.8"},
			Text: "A death history that a client publishes is trusted: its counts are continued, a message whose " +
				"history looks like a cycle is dropped, and a malformed history crashes the queue."},
		{ID: "closed-owner-nacks", Seen: []string{"4.3.6"}, Test: "internal/amqp.TestPublishersDoNotNoticeTheEnd",
			Text: "When an exclusive queue ends with its connection, messages that are on their way to it are refused with a " +
				"nack (in 50 of 60 ends). So are those to a queue that is deleted because its last consumer is gone, or " +
				"because nobody used it. When a client deletes the queue, none is, even without unbinding it before."},
		{ID: "closed-vhost-status",
			Text: "The management API answers 404 with the error \"Object Not Found\" for the lists of a vhost that " +
				"does not exist. A user without permissions in a vhost gets 401 on 3.10 and 4.0, 404 with the error " +
				"\"not_found\" on 4.3."},
		{ID: "consumer-timeout",
			Text: "The consumer timeout is 30 minutes by default: the channel of a consumer that holds a message for " +
				"longer is closed."},
		{ID: "consumers-are-late",
			Text: "The management API shows a new consumer up to 5 s late."},
		{ID: "counts-are-late", Text: "The management API's counts of classic and quorum queues are up to 7 s old."},
		{ID: "crashed-queue-returns",
			Text: "A crashed queue is back with its messages after stop_app and start_app of its node, but not " +
				"after rabbitmqctl restart_vhost."},
		{ID: "dead-letters-keep-count", Seen: []string{"4.3.6"},
			Text: "A quorum queue keeps the delivery count of a message that it dead-letters into another quorum queue. " +
				"Older versions count from 0 again."},
		{ID: "death-cycle", Test: differential,
			Text: "The broker drops a dead letter silently when it died in the target queue before and nobody has rejected " +
				"it since."},
		{ID: "death-key-headers", Test: differential,
			Text: "With a dead-letter routing key, a dead letter goes by that key alone. 3.10 removes the CC header then; 4.x " +
				"leaves it where headers exchanges see it."},
		{ID: "death-keys",
			Text: "x-death records no BCC keys. 3.10 records the first key and those of the CC header; 4.x removes " +
				"from the list of keys what BCC had, also where a dead-letter key has replaced it since."},
		{ID: "death-order", Test: differential,
			Text: "The latest death is first in x-death. 3.10 reverses the order of the others at every death; 4.x keeps it."},
		{ID: "death-time", Test: "pkg/message.TestDeathsAsBrokersWriteThem",
			Text: "A repeated death moves to the front of x-death and increments its count, but keeps the time of the " +
				"first death."},
		{ID: "declarations-in-parallel", Seen: []string{"4.3.6"},
			Text: "With more than eight AMQP methods in progress at once, declarations get slower (measured on " +
				"two cores). Eight channels equal the broker's own bulk import; parallel HTTP PUTs are " +
				"slower."},
		{ID: "default-delivery-limit", Test: differential,
			Text: "Quorum queues have a delivery limit of 20 by default on 4.x and none on 3.10. A negative limit means " +
				"unlimited on 4.x and 0 on 3.10."},
		{ID: "default-queue-type", Test: "pkg/topology/plan.TestDefaultQueueTypeOnBrokers",
			Text: "The vhost's default queue type is given to durable queues that are not auto-delete, not exclusive and " +
				"name no type. 3.10.8 reads it from the key defaultqueuetype, when the vhost is created, and never changes it."},
		{ID: "default-type-resets", Seen: []string{"4.3.6"},
			Text: "Putting a vhost without its default queue type resets that to classic."},
		{ID: "definitions-import", Test: "pkg/topology/spec/export.TestBrokersImportDefinitions",
			Text: "Brokers import the definitions that msgctl writes."},
		{ID: "delayed-retry-failed", Seen: []string{"4.3.6"},
			Text: "With the delayed-retry type failed, a rejected message waits the minimum times the number of failed " +
				"deliveries, at most the maximum. A nack neither waits nor counts."},
		{ID: "delayed-retry-returned", Seen: []string{"4.3.6"},
			Text: "With the delayed-retry types all and returned, returned messages wait before they are " +
				"delivered again."},
		{ID: "delete-conditions-classic-only",
			Test: "internal/rabbittest/ledger.TestConsumersAreCancelledAndSubscribeAgain",
			Text: "Quorum queues and streams refuse if-empty and if-unused (540 NOT_IMPLEMENTED), and an exclusive " +
				"consumer does not keep other consumers out. A classic queue whose messages are all unacknowledged is " +
				"deleted as empty."},
		{ID: "deleted-queue-cancels", Test: "internal/rabbittest/ledger.TestConsumersAreCancelledAndSubscribeAgain",
			Text: "The consumers of a classic or quorum queue that is deleted are cancelled. They may acknowledge what they " +
				"hold all the same."},
		{ID: "deleted-queue-unconfirmed", Seen: []string{"3.10.8"},
			Text: "Messages in flight to a quorum queue that is deleted are never confirmed."},
		{ID: "deleted-stream-consumers", Seen: []string{"3.10.8", "4.0.5"},
			Text: "A consumer of a stream that is deleted stays in the list of consumers forever."},
		{ID: "delivery-at-two-speeds", Seen: []string{"4.0.5"},
			Text: "Reading a million messages of a classic queue takes either 67 or 130 s, whichever program " +
				"reads them."},
		{ID: "delivery-limit-deliveries", Seen: []string{"4.3.6"}, Test: "pkg/topology/apply.TestRetriesEndOnBrokers",
			Text: "A quorum queue with a delivery limit of N gives a message that is rejected with requeue N+1 times. On 4.3 " +
				"a " +
				"nack with requeue never counts, with delayed retry either: no limit ends it."},
		{ID: "delivery-mode-zero", Seen: []string{"3.10.8"},
			Text: "A message with a delivery mode of 0 makes the broker close the channel."},
		{ID: "detailed-metrics",
			Text: "The broker's own exporter has the families queue_coarse_metrics, queue_metrics and " +
				"queue_consumer_count at /metrics/detailed."},
		{ID: "dot-names-over-http",
			Text: "The management API answers 405 for objects named \".\" and \"..\", also when the names are escaped."},
		{ID: "down-queue-counts", Test: "internal/broker.TestOnNodesOfItsOwn",
			Text: "A passive declaration of a quorum queue or stream without a leader says that it is empty; of a classic " +
				"queue whose node is down, it fails with 404 as if there were none, with another text. The " +
				"queues list without statistics lacks the former."},
		{ID: "down-queue-states", Seen: []string{"3.10.8"},
			Text: "The management API has no word for the state of a quorum queue that is down. It says " +
				"nothing at all of a stream that is down, or so new that it has no statistics."},
		{ID: "down-queue-survives-deletion", Seen: []string{"3.10.8"}, Test: "internal/broker.TestOnNodesOfItsOwn",
			Text: "The deletion of a classic queue whose node is down is confirmed, and the queue is back with its node."},
		{ID: "drop-head-confirms", Test: "cmd.TestBrokerScript",
			Text: "A full queue with overflow drop-head, the default, confirms a message and drops the oldest; with " +
				"max-length or " +
				"message-ttl 0 it drops the message itself. Confirmed is not kept."},
		{ID: "feature-lists",
			Text: "Any user of the management API may list the feature flags on 3.10 and 4.0. 3.10 does not " +
				"know the list of deprecated features (404)."},
		{ID: "firehose",
			Text: "The firehose publishes with the key publish.EXCHANGE or deliver.QUEUE, the body of the " +
				"message, and headers exchange_name, routing_keys, properties and redelivered."},
		{ID: "float-for-integer", Test: checks,
			Text: "A float is refused where an integer is wanted, even 1000.0."},
		{ID: "got-from-another-type", Seen: []string{"3.10.8"},
			Text: "When a queue is replaced by one of another type, a channel that read the old one with basic.get ends with " +
				"its connection (541) at its next publication to that name. Other channels do not notice."},
		{ID: "headers-compare", Test: differential,
			Text: "A headers exchange never compares x-match. It compares other names that begin with x- in the modes " +
				"all-with-x and any-with-x only. Integers of all widths are equal; 1.0 equals 1 on 3.10 only."},
		{ID: "headers-of-newer-brokers",
			Text: "Only 4.x writes the headers x-last-death-queue, x-last-death-reason, x-last-death-exchange " +
				"and x-opt-deaths. Only quorum queues of 4.3 write x-acquired-count."},
		{ID: "headers-outgrow-frame-max", Test: "internal/amqp.TestFramesLargerThanFrameMaxAreRead",
			Text: "The broker sends a content header in one frame even where it is larger than frame_max: a message that " +
				"was published with headers of almost that size, and got x-death since."},
		{ID: "large-delete-loses-log", Seen: []string{"3.10.8"},
			Text: "The broker loses the write-ahead log of its quorum queues if a large one is deleted soon " +
				"after it was filled."},
		{ID: "large-nack-reorders", Seen: []string{"3.10.8"}, Test: "cmd/dlq.TestOrderIsKeptOrSaidFirst",
			Text: "A quorum queue with a delivery limit takes more than 32 messages that one nack returns back in no order. " +
				"A channel merges small nacks, too, when more than 32 wait for the queue."},
		{ID: "leader-is-local", Seen: []string{"4.3.6"}, Test: "internal/broker.leadersAreSpread",
			Text: "A quorum queue and a stream begin with their leader, and a member, on the node that the connection that " +
				"declares them ends at, unless a leader locator says otherwise. Of 300 quorum queues declared through one " +
				"of three nodes, 300 had their leader there (4.3.6; with the locator balanced 150, 150 and 0, because it " +
				"counts the leaders there are; with a group of one member 300 even so). The management API declares on " +
				"the node that the request names: 100, 100 and 100."},
		{ID: "length-bytes-with-headers", Seen: []string{"4.3.6"},
			Text: "A quorum queue counts headers towards max-length-bytes. Other queue types count bodies only."},
		{ID: "limit-before-overflow", Test: "cmd.TestBrokerScript",
			Text: "A classic queue takes on the limit of a policy before the overflow of the same policy: messages over the " +
				"limit are dropped although the policy says reject-publish. A quorum queue keeps them."},
		{ID: "limits-are-one-object", Seen: []string{"3.10.8"},
			Text: "All limits of one vhost, or of one user, are one object that the broker reads, changes and writes back. " +
				"Of two written at once, one is lost."},
		{ID: "line-breaks-in-names",
			Text: "The broker removes line breaks from the names of queues and exchanges, over AMQP and HTTP."},
		{ID: "lists-lack-queues",
			Text: "A list of queues with counts lacks those that have crashed and, on 4.x, those of a node that is " +
				"still booting."},
		{ID: "lists-repeat-objects", Seen: []string{"4.0.5", "4.3.6"},
			Text: "A list of the management API names an object twice while others are being declared."},
		{ID: "max-message-size",
			Text: "The default limit of a message's size is 128 MiB on 3.10 and 16 MiB on 4.x. A broker can be " +
				"configured to accept 512 MiB at most."},
		{ID: "message-ttl-blocks",
			Text: "A message expires at the head of its queue only. One with a short TTL waits behind those with longer ones."},
		{ID: "metadata-is-late", Seen: []string{"3.10.8", "4.0.5"},
			Text: "What was declared moments before a kill -9 may be gone, with confirmed persistent messages in it: " +
				"of 50 queues 5 (4.0.5). None of 30 was after mnesia:sync_log."},
		{ID: "nack-on-stream", Seen: []string{"3.10.8"},
			Text: "A nack for a message of a stream ends the connection (540)."},
		{ID: "nacks-without-limit", Seen: []string{"3.10.8", "4.0.5"},
			Text: "A quorum queue without a delivery limit takes nacked messages back at its tail, and those " +
				"of a closed channel at its head. Both increase the delivery count. With a limit both return " +
				"to the head, but see large-nack-reorders."},
		{ID: "no-default-queue-type", Seen: []string{"3.10.8", "4.0.5"},
			Text: "The management API and definitions show \"undefined\" as the default queue type of a vhost " +
				"that has none."},
		{ID: "no-origin-of-messages",
			Text: "With the rates mode basic, the default, the management API does not say through which exchange a " +
				"queue's messages came. The counts of the default exchange grow with publications to any queue's name."},
		{ID: "odd-values", Test: "cmd.TestBrokerScript",
			Text: "A definitions import keeps values of other types than the broker's own, and the management API shows " +
				"them so: \"internal\": \"false\", \"priority\": 5.5. Before 4.3 a field auto_delete that was left out is " +
				"\"undefined\"."},
		{ID: "own-connections-only",
			Text: "A user without the tag monitoring gets a list of their own connections and channels only."},
		{ID: "passive-declaration-takes-permission", Test: "internal/broker.TestCountsWithoutPermission",
			Seen: []string{"4.3.6"},
			Text: "A passive declaration takes one of the three permissions on the object; older versions ask for none."},
		{ID: "policy-all-or-nothing", Test: "pkg/topology/plan.TestPolicyTableOnBrokers",
			Text: "A policy with one key that a queue type does not support applies to no queue of that type, with none of " +
				"its keys."},
		{ID: "policy-targets-by-type",
			Text: "Policies for classic_queues, quorum_queues or streams alone exist on 4.x only: 3.10 answers " +
				"400."},
		{ID: "publish-refusal-reasons",
			Text: "When a message makes the broker close a channel, the reason names the size, the user, the exchange " +
				"or the topic that it refused."},
		{ID: "quorum-priorities", Seen: []string{"4.3.6"},
			Text: "A quorum queue treats a message without a priority as one of priority 4. An explicit 0 is " +
				"the lowest."},
		{ID: "ready-before-returns", Seen: []string{"4.0.5", "4.3.6"},
			Text: "A classic queue with a backlog answers a passive declaration before it takes back returned " +
				"messages, also after the channel closed."},
		{ID: "redelivered-dead-letters", Seen: []string{"4.3.6"},
			Text: "The flag redelivered is set at the first delivery of a dead letter that was rejected."},
		{ID: "refusal-of-long-names", Seen: []string{"4.0.5", "4.3.6"},
			Text: "Where the refusal of an object with a long name does not fit into a reply text, the broker " +
				"answers 541 instead of 405."},
		{ID: "refusals-as-html", Seen: []string{"3.10.8", "4.0.5"},
			Text: "Some reasons are escaped for HTML."},
		{ID: "refusals-close-connections", Seen: []string{"3.10.8", "4.0.5"},
			Text: "Some refusals close the whole connection, not just the channel: an unknown exchange type on 3.10, " +
				"an invalid max-age of a stream on 3.10 and 4.0."},
		{ID: "returns-before-all", Test: "pkg/dlq/browse.TestSessionsKeepTheOrder",
			Text: "A quorum queue keeps returned messages apart, in the order of their returns, before all others. A classic " +
				"queue puts each back where it was."},
		{ID: "returns-count",
			Text: "On a quorum queue, a reject with requeue and a closed channel increase the delivery count " +
				"of the returned messages. A nack does so on 3.10 and 4.0 only."},
		{ID: "returns-over-limit",
			Text: "Returned messages may take a queue over its length limit. With overflow drop-head, messages are " +
				"then dropped from the head, where the returned ones are; a quorum queue on 3.10 drops the new " +
				"ones."},
		{ID: "setting-precedence", Test: differential,
			Text: "Between an argument and a policy, the argument wins for dead-letter keys and the minimum wins for limits. " +
				"For overflow the argument wins on classic queues, the policy on quorum queues. For the retention of a stream " +
				"the policy wins."},
		{ID: "shared-prefetch",
			Text: "3.10 reports the prefetch that the consumers of a channel share (global_qos), 4.0 does not " +
				"report it, and 4.3 does not allow it."},
		{ID: "short-strings-over-http",
			Text: "Over HTTP, brokers accept names of exchanges and routing keys longer than AMQP's 255 bytes."},
		{ID: "shovel-returns-moved", Seen: []string{"4.3.6"},
			Text: "A dynamic shovel sometimes closes its channel before its last acknowledgements are applied. " +
				"Messages that it has moved are then back in its source."},
		{ID: "sigterm-is-orderly",
			Text: "On SIGTERM, the broker closes connections and flushes its queues before it ends."},
		{ID: "start-script-exec",
			Text: "With RUNNING_UNDER_SYSTEMD=true the start script execs the Erlang machine, so that its process is " +
				"the broker itself."},
		{ID: "statistics-are-late",
			Text: "Statistics of the management API, such as the bytes of queues and the alarms of nodes, come up to " +
				"10 s late."},
		{ID: "stop-cuts-logins",
			Text: "A broker that stops cuts connections that are still logging in, without an answer. It does the same 3 s " +
				"after a wrong password, but answers at once a client with the capability authentication_failure_close."},
		{ID: "stream-consumer-lingers", Seen: []string{"3.10.8", "4.0.5"},
			Test: "internal/amqp.TestNoConsumerOfAStreamIsLeft",
			Text: "A consumer of a stream whose connection ends without a cancellation stays in the counts of the " +
				"management API for up to a minute."},
		{ID: "stream-count-is-late",
			Text: "The count of a stream lags by some seconds, the delivery of its messages does not."},
		{ID: "stream-credit", Seen: []string{"3.10.8"},
			Text: "A stream counts the prefetch in chunks and may send more messages: 11 with a prefetch of 10."},
		{ID: "stream-dead-letters-lost", Seen: []string{"3.10.8"},
			Text: "A message that is dead-lettered into a stream with the strategy at-most-once, the default, is lost " +
				"without a trace."},
		{ID: "stream-drops-nested-headers",
			Text: "A stream drops header values that are tables or arrays. 4.x keeps those whose names begin with x-."},
		{ID: "stream-keeps-expiration", Seen: []string{"4.0.5", "4.3.6"},
			Text: "A stream keeps the expiration of a dead letter. Other queue types remove it."},
		{ID: "stream-last-chunk", Test: "pkg/dlq/replay.TestStreamsAreReadToTheirEndAtTheBeginning",
			Text: "Reading a stream from \"last\" begins with its last chunk. What of that fits into the prefetch is sent " +
				"before the answer to a cancel."},
		{ID: "stream-refuses-decimals",
			Text: "A decimal in a header closes the connection of whoever publishes it to a stream (541)."},
		{ID: "topic-permission-exchange", Seen: []string{"4.3.6"},
			Text: "A topic permission is refused for an exchange that does not exist. Older versions accept it."},
		{ID: "topic-words", Test: "pkg/topology/route.TestTopicPatternsMatchAsTheBrokerDoes",
			Text: "A topic exchange splits an empty routing key into no words, and \"a.\" into two."},
		{ID: "totals-are-late",
			Text: "The totals of the management API are live for classic queues, up to 4 s late for quorum queues, and " +
				"missing for streams."},
		{ID: "transient-500", Seen: []string{"4.0.5", "4.3.6"},
			Text: "The management API answers 500 now and then while another vhost is being deleted."},
		{ID: "transient-no-vhost", Seen: []string{"4.0.5"},
			Text: "On a busy node, one in thousands of declarations is refused because the vhost is said to be missing " +
				"or down, although it is neither."},
		{ID: "ttl-from-arrival", Test: "cmd.TestBrokerScript",
			Text: "A message gets the TTL that its queue has when it arrives. A policy that sets another TTL does not change " +
				"that of messages that are in the queue."},
		{ID: "unnamed-permission", Seen: []string{"3.10.8"},
			Text: "The refusal of an access does not say which of the three permissions is missing."},
		{ID: "unsettled-slow-down", Seen: []string{"4.0.5"},
			Text: "The work of a quorum queue for a message grows with the number of unsettled messages. With " +
				"a prefetch of 2,500 it reaches 0.66 to 0.76 of the rate with 1,000."},
		{ID: "user-id", Test: "pkg/dlq/replay.TestRestoreOfWhatCannotGoBackAsItWas",
			Text: "A user_id other than the login's is refused (406, and the channel closes) unless the user has the tag " +
				"impersonator."},
		{ID: "vhost-protection", Seen: []string{"4.3.6"}, Test: "cmd.TestBrokerScript",
			Text: "A vhost that is protected from deletion is not deleted (412). The protection is set and lifted by a " +
				"request of its own, or by definitions; putting the vhost leaves it as it is. 3.10 and 4.0 do not have it, and " +
				"definitions that set it are accepted there."},
		{ID: "void-as-undefined",
			Text: "The management API shows AMQP's void as the text \"undefined\"."},
		{ID: "watermark-zero",
			Text: "A memory watermark of 0 raises the memory alarm within a second."},
		{ID: "wrong-patterns-refused", Test: refused,
			Text: "Brokers refuse regular expressions with unbalanced brackets or parentheses, a trailing backslash, or " +
				"nothing to repeat."},
	}
}
