package topology

// QueueCounts are the counts of one queue at this moment.
type QueueCounts struct {
	// Ready messages wait for a consumer, Unacked ones are held by one.
	Ready, Unacked int64
	// Consumers, and whether one of them is exclusive, are up to 5 s old.
	Consumers int64
	Exclusive bool
	// Known is false when the broker gave no counts of messages, as for a queue that has crashed.
	Known bool
}
