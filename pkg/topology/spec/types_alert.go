package spec

// Alerts are the thresholds of msgctl alerts. Those of a queue overrule those of the file, field by
// field.
type Alerts struct {
	Located `json:"-"`
	// For is how long a condition must last before it is told. Default 5m.
	For *Duration `json:"for,omitempty"`
	// NearlyFull is the share of its limit (maxLength, maxLengthBytes, or a policy's) from which a
	// queue is a warning; off for never. Default 80%.
	NearlyFull *Share `json:"nearlyFull,omitempty"`
	// Full is the share of its limit from which a queue is critical; off for never. Default 95%.
	Full *Share `json:"full,omitempty"`
	// DeadLetters is how many messages a dead-letter queue may hold; off for any number. Default 0.
	DeadLetters *Threshold `json:"deadLetters,omitempty"`
	// Growth is by how many messages a dead-letter queue may grow within 15 minutes; off for any
	// number. Default 10.
	Growth *Threshold `json:"growth,omitempty"`
	// Consumers is how many consumers a queue needs at least; 0 for one that needs none. Default 1;
	// dead-letter queues, wait queues, streams and queues that come and go with their consumers
	// need none.
	Consumers *int64 `json:"consumers,omitempty" jsonschema:"minimum=0" example:"1"`
}
