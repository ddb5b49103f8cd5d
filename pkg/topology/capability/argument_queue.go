package capability

// What queues do since some settings have no effect.
const (
	quorumOnDisk  = "Since RabbitMQ 3.10 quorum queues keep no messages in memory."
	classicOnDisk = "Since RabbitMQ 3.12 classic queues keep their messages on disk, whatever their mode."
)

func retentionArguments() []Argument {
	return []Argument{
		{Name: "x-message-ttl", Field: "messageTTL", Type: Integer, Unit: Milliseconds, Max: maxMilliseconds,
			Support: on(Classic, Quorum),
			Help:    "how long a message may wait before it is dead-lettered or dropped"},
		{Name: "x-expires", Field: "expires", Type: Integer, Unit: Milliseconds, Min: 1, Max: maxMilliseconds,
			Support: on(Classic, Quorum),
			Help:    "how long the queue may be unused before the broker deletes it"},
		{Name: "x-max-length", Field: "maxLength", Type: Integer, Support: on(Classic, Quorum),
			Help: "how many ready messages the queue may hold"},
		{Name: "x-max-length-bytes", Field: "maxLengthBytes", Type: Integer, Unit: Bytes,
			Support: on(Classic, Quorum, Stream),
			Help:    "how many bytes of message bodies the queue may hold"},
		{Name: "x-overflow", Field: "overflow", Type: Text, Values: []string{"drop-head", "reject-publish",
			"reject-publish-dlx"}, Support: on(Classic, Quorum),
			Help: "what happens to messages beyond the limit"},
		{Name: "x-max-age", Field: "maxAge", Type: Text, Support: on(Stream),
			Help: "how old a stream's segments may be: a number and one of Y, M, D, h, m, s"},
		{Name: "x-stream-max-segment-size-bytes", Field: "maxSegmentSize", Type: Integer, Unit: Bytes, Max: maxSegmentBytes,
			Support: on(Stream),
			Help:    "the size of a stream's segment files"},
		// 4.0.5 obeys it (the stream's filter_size shows it), although only 4.3 compares it.
		{Name: "x-stream-filter-size-bytes", Field: "filterSize", Type: Integer, Unit: Bytes, Min: 16, Max: 255,
			Support: since("3.13", Stream), Checked: "4.3",
			Help: "the size of the Bloom filter of each stream chunk"},
		// Brokers accept both and compare them at the next declaration, but no broker keeps
		// messages in memory, with or without them.
		{Name: "x-max-in-memory-length", Field: "maxInMemoryLength", Type: Integer, Support: on(Quorum), Idle: "3.10",
			Instead: quorumOnDisk,
			Help:    "how many messages a quorum queue keeps in memory (without effect since 3.10)"},
		{Name: "x-max-in-memory-bytes", Field: "maxInMemoryBytes", Type: Integer, Unit: Bytes, Support: on(Quorum),
			Idle: "3.10", Instead: quorumOnDisk,
			Help: "how many bytes a quorum queue keeps in memory (without effect since 3.10)"},
	}
}

func deadLetterArguments() []Argument {
	return []Argument{
		{Name: "x-dead-letter-exchange", Field: "deadLetter.exchange", Type: Text, Support: on(Classic, Quorum),
			Help: "the exchange that gets rejected, expired and dropped messages"},
		{Name: "x-dead-letter-routing-key", Field: "deadLetter.key", Type: Text, Support: on(Classic, Quorum),
			Help: "the routing key of dead letters, instead of the message's own"},
		{Name: "x-dead-letter-strategy", Field: "deadLetter.strategy", Type: Text,
			Values: []string{"at-most-once", "at-least-once"}, Support: on(Quorum),
			Help: "whether a dead letter is kept until its target confirms it"},
		{Name: "x-delivery-limit", Field: "deliveryLimit", Type: Integer, Min: -1, Support: on(Quorum),
			Help: "how often a message may be delivered again before it is dead-lettered or dropped"},
		// 4.3.6 takes any text and any number here, without a word.
		{Name: "x-delayed-retry-type", Field: "delayedRetry.type", Type: Text,
			Values: []string{"disabled", "all", "failed", "returned"}, Support: since("4.3", Quorum), Checked: "4.3",
			Help: "which returned messages wait before they are delivered again"},
		{Name: "x-delayed-retry-min", Field: "delayedRetry.min", Type: Integer, Unit: Milliseconds,
			Support: since("4.3", Quorum), Checked: "4.3",
			Help: "the first delay; it is multiplied by the delivery count"},
		{Name: "x-delayed-retry-max", Field: "delayedRetry.max", Type: Integer, Unit: Milliseconds,
			Support: since("4.3", Quorum), Checked: "4.3",
			Help: "the longest delay"},
	}
}

func deliveryArguments() []Argument {
	return []Argument{
		{Name: "x-max-priority", Field: "maxPriority", Type: Integer, Max: 255, Support: on(Classic),
			Help: "how many priorities a classic queue keeps apart"},
		{Name: "x-single-active-consumer", Field: "singleActiveConsumer", Type: Boolean, Support: on(Classic, Quorum),
			Help: "whether one consumer at a time gets the messages"},
		// 4.0.5 obeys it on classic and quorum queues (the channel looks once a minute), 4.3.6
		// refuses it on other than quorum.
		{Name: "x-consumer-timeout", Field: "consumerTimeout", Type: Integer, Unit: Milliseconds, Checked: "4.3",
			Support: append(since("3.12", Quorum), Support{Queue: Classic, Since: "3.12", Until: "4.3"}),
			Help:    "how long a consumer may hold a message unacknowledged"},
		{Name: "x-consumer-disconnected-timeout", Field: "consumerDisconnectedTimeout", Type: Integer, Unit: Milliseconds,
			Support: since("4.3", Quorum), Checked: "4.3",
			Help: "how long a consumer's messages are kept for it when its node is cut off"},
	}
}

func placementArguments() []Argument {
	locators := []string{"client-local", "balanced", "random", "least-leaders"}
	return []Argument{
		{Name: "x-queue-mode", Field: "mode", Type: Text, Values: []string{"default", "lazy"}, Support: on(Classic),
			Idle: "3.12", Instead: classicOnDisk,
			Help: "whether a classic queue keeps messages in memory (without effect since 3.12)"},
		{Name: "x-queue-version", Field: "version", Type: Integer, Min: 1, Max: 2, Support: on(Classic),
			Help: "the storage of a classic queue"},
		{Name: "x-queue-leader-locator", Field: "leaderLocator", Type: Text, Values: locators,
			Support: append(since("4.0", Classic), on(Quorum, Stream)...), Help: "on which node the queue's leader starts"},
		{Name: "x-queue-master-locator", Field: "masterLocator", Type: Text,
			Values:  []string{"client-local", "min-masters", "random"},
			Support: []Support{{Queue: Classic, Until: "4.3"}}, Help: "on which node a classic queue starts (older brokers)"},
		{Name: "x-quorum-initial-group-size", Field: "initialGroupSize", Type: Integer, Min: 1, Support: on(Quorum),
			Help: "how many replicas a quorum queue starts with"},
		{Name: "x-initial-cluster-size", Field: "initialClusterSize", Type: Integer, Min: 1, Support: on(Stream),
			Help: "how many replicas a stream starts with"},
	}
}
