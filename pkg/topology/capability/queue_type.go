package capability

// The queue types, as in the argument x-queue-type.
const (
	Classic = "classic"
	Quorum  = "quorum"
	Stream  = "stream"
)

// QueueTypes returns the queue types.
func QueueTypes() []string { return []string{Classic, Quorum, Stream} }
