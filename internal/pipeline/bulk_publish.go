package pipeline

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// bulkGrace is how long an interrupted BulkPublish waits for the outcomes of messages in flight.
const bulkGrace = 30 * time.Second

// BulkItem is one message of a BulkPublish.
type BulkItem[T any] struct {
	Target  publish.Target
	Message *message.Message
	Tag     T
}

// BulkPublish publishes messages that come from no queue, but from an archive, files or lines. Each
// message has exactly one outcome. Messages in flight when the connection is lost are sent again.
// An outcome is therefore unknown only if the connection cannot be restored, or at the end of the
// grace after an interruption.
type BulkPublish[T any] struct {
	Dialer    publish.Dialer
	Publisher publish.PublisherOptions
	// Next returns the next message, and io.EOF after the last. Any other error ends the run, and
	// so does the end of ctx.
	Next func(ctx context.Context) (BulkItem[T], error)
	// Settled is called with each outcome, in order, from one goroutine. It must return soon.
	// Unsent is called, from the goroutine of Run, with an item that was not accepted.
	Settled func([]publish.Outcome[T])
	Unsent  func(BulkItem[T], error)
}

// Run publishes all messages and waits for their outcomes. When ctx ends, it waits for messages in
// flight, for bulkGrace at most. resent is the number of messages that were sent a second time, and
// so may be duplicates. The error comes from Next, or says why nothing can be published.
func (f BulkPublish[T]) Run(ctx context.Context) (resent int64, err error) {
	p, err := publish.Open(ctx, f.Dialer, f.Publisher, f.Settled)
	if err != nil {
		return 0, err
	}
	err = f.publish(ctx, p)
	closing, cancel := withGrace(ctx, bulkGrace)
	defer cancel()
	_ = p.Close(closing) // every message has its own outcome
	return p.Resent(), err
}

func (f BulkPublish[T]) publish(ctx context.Context, p *publish.Publisher[T]) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		item, err := f.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.Publish(ctx, item.Target, item.Message, item.Tag); err != nil {
			f.Unsent(item, err)
			return err
		}
	}
}

// withGrace returns a context that ends the given time after ctx ends.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, guarded.Func(func() {
		timer := time.AfterFunc(grace, guarded.Func(cancel))
		context.AfterFunc(late, guarded.Func(func() { timer.Stop() }))
	}))
	return late, func() {
		stop()
		cancel()
	}
}
