package browse

import "github.com/msgctl/msgctl/internal/pipeline"

type (
	// Counter returns how many messages are ready in a queue. A passive declaration is enough; it
	// needs no management API.
	Counter = pipeline.Counter
	// ConsumingCounter is a Counter that also works for a queue that the caller consumes from.
	ConsumingCounter = pipeline.ConsumingCounter
)
