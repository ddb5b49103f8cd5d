package replay

import (
	"context"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
)

// Hurry shortens the pauses of a run, for tests that break connections.
func Hurry(o *Options) {
	t := hurried()
	o.timing = &t
}

func hurried() pipeline.Timing {
	return pipeline.Timing{
		Idle: 100 * time.Millisecond, Stall: 30 * time.Second, Returning: 20 * time.Second, Grace: 10 * time.Second,
		Reconnect: reconnect.Policy{Delay: 200 * time.Millisecond, Attempts: 30},
	}
}

// StreamEnd is streamEnd with a prefetch that a chunk may exceed.
func StreamEnd(ctx context.Context, src consume.Source, queue string, prefetch int) (int64, bool, error) {
	return browse.StreamEnd(ctx, src, consume.Options{Queue: queue, Prefetch: prefetch}, browse.StreamWait)
}
