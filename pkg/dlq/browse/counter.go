package browse

import "github.com/msgctl/msgctl/internal/pipeline"

type (
	// Counter tells how many messages are ready in a queue. A passive declare does, and needs no
	// management API.
	Counter = pipeline.Counter
	// ConsumingCounter is a Counter that can be asked about a queue that the caller consumes from.
	ConsumingCounter = pipeline.ConsumingCounter
)
