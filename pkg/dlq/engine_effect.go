package dlq

import (
	"context"
	"fmt"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// publishEffect sends, on a connection of its own: a memory alarm stops those that publish, and
// acknowledgements on it would stall too.
type publishEffect struct {
	to *publish.Publisher[*job]
}

// beginPublishing connects. The window is that of the source: whatever is unsettled there may be
// under way.
func beginPublishing(d publish.Dialer) func(ctx context.Context, r *run) (effect, error) {
	return func(ctx context.Context, r *run) (effect, error) {
		p, err := publish.Open(ctx, d, r.publisherOptions(), r.published)
		if err != nil {
			return nil, err
		}
		return publishEffect{p}, nil
	}
}

func (r *run) publisherOptions() publish.PublisherOptions {
	return publish.PublisherOptions{
		Window: max(r.prefetch, publish.DefaultWindow), ReconnectDelay: r.timing.delay, ReconnectAttempts: r.timing.attempts,
		Notify: func(n publish.Notice) { r.notice(publisherNotice(n)) },
	}
}

func publisherNotice(n publish.Notice) (NoticeKind, string) {
	switch n.Kind {
	case publish.NoticeBlocked:
		return NoticePaused, fmt.Sprintf("paused: %v", n.Err)
	case publish.NoticeUnblocked:
		return NoticeResumed, "the broker takes messages again"
	case publish.NoticeRestored:
		return NoticeReconnected, "connected again to publish"
	case publish.NoticeRetry:
		return NoticeReconnecting, fmt.Sprintf("connecting to publish, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	}
	return NoticeReconnecting, fmt.Sprintf("the connection that publishes was lost: %v", n.Err)
}

// published is told by the publisher how messages fared. One that has given up on its connection
// tells it of what it was handed before; there may be nothing more to hand over that would be
// refused.
func (r *run) published(outcomes []publish.Outcome[*job]) {
	for _, o := range outcomes {
		if o.Kind == publish.Unsent && !r.stopping.Load() {
			r.fail(o.Err)
			break
		}
	}
	r.mu.Lock()
	for _, o := range outcomes {
		j := o.Tag
		j.fate, j.reason, j.detail = fateOf(o.Kind, o.Err)
		r.inbox = append(r.inbox, j)
	}
	r.mu.Unlock()
	poke(r.wake)
}

func fateOf(kind publish.OutcomeKind, err error) (fate, Reason, string) {
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	switch kind {
	case publish.Confirmed:
		return fateDone, "", ""
	case publish.Returned:
		return fateStays, ReasonUnroutable, detail
	case publish.Nacked:
		return fateStays, ReasonNacked, detail
	case publish.Refused:
		return fateStays, ReasonRefused, detail
	case publish.Unsent:
		return fateStays, ReasonInterrupted, detail
	}
	return fateUnknown, ReasonUnknown, detail
}

func (e publishEffect) do(ctx context.Context, j *job) error {
	j.sent.begin(j.run.sending, *j.v.target, j.v.out)
	err := e.to.Publish(ctx, *j.v.target, j.v.out, j)
	if err == nil {
		return nil
	}
	stopping := j.run.stopping.Load() || ctx.Err() != nil
	j.done(fateStays, ReasonInterrupted, "the run ended before it was sent: "+err.Error())
	if stopping {
		return nil
	}
	return err
}

func (publishEffect) flush(context.Context) error { return nil }

func (e publishEffect) end(ctx context.Context) { _ = e.to.Close(ctx) } // every message has its own outcome

// ready wraps an effect that needs no beginning.
func ready(e effect) func(context.Context, *run) (effect, error) {
	return func(context.Context, *run) (effect, error) { return e, nil }
}

// discardEffect destroys.
type discardEffect struct{}

func (discardEffect) do(_ context.Context, j *job) error {
	j.done(fateDone, "", "")
	return nil
}

func (discardEffect) flush(context.Context) error { return nil }
func (discardEffect) end(context.Context)         {}

// Archive is where messages are kept before they leave their queue. archive.Writer is one.
type Archive interface {
	// Write adds a message. When it refuses one and can go on, Err stays nil.
	Write(m *message.Message) error
	// Sync makes what was written durable. Only then do messages leave their queue.
	Sync() error
	// Err returns what ended the archive, or nil.
	Err() error
}

// Bounds of what is written before it is made durable: a disk flush costs as much as some hundred
// messages.
const (
	archiveBatch      = 512
	archiveBatchBytes = 4 << 20
)

// archiveEffect writes, makes durable, and only then is done.
type archiveEffect struct {
	to    Archive
	batch []*job
	bytes int
}

func (e *archiveEffect) do(ctx context.Context, j *job) error {
	if err := e.to.Write(j.v.out); err != nil {
		j.done(fateStays, ReasonNotArchived, err.Error())
		return e.to.Err()
	}
	e.batch = append(e.batch, j)
	e.bytes += j.size
	if len(e.batch) >= archiveBatch || e.bytes >= archiveBatchBytes {
		return e.flush(ctx)
	}
	return nil
}

func (*archiveEffect) end(context.Context) {}

func (e *archiveEffect) flush(context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	err := e.to.Sync()
	for _, j := range e.batch {
		if err != nil {
			j.done(fateStays, ReasonNotArchived, err.Error())
		} else {
			j.done(fateDone, "", "")
		}
	}
	clear(e.batch)
	e.batch, e.bytes = e.batch[:0], 0
	return err
}
