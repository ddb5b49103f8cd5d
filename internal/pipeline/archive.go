package pipeline

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
)

// Archive stores messages before they leave their queue. archive.Writer implements it.
type Archive interface {
	// Write adds a message. If it refuses the message but can continue, Err stays nil.
	Write(m *message.Message) error
	// Sync makes everything written so far durable. Messages leave their queue only afterwards.
	Sync() error
	// Err returns the error that ended the archive, or nil.
	Err() error
}

// archiveBatch and archiveBatchBytes bound what is written before it is made durable: a disk flush
// costs as much as some hundred messages.
const (
	archiveBatch      = 512
	archiveBatchBytes = 4 << 20
)

// Keep returns an effect that writes each message to an archive. A message is done when it is
// durable there.
func Keep(a Archive) Effect {
	return func(context.Context, *run) (effect, error) { return &archiving{to: a}, nil }
}

type archiving struct {
	to    Archive
	batch []*job
	bytes int
}

func (e *archiving) do(ctx context.Context, j *job) error {
	if err := e.to.Write(j.decision.Message); err != nil {
		j.done(jobFailed, report.ReasonNotArchived, err.Error())
		return e.to.Err()
	}
	e.batch = append(e.batch, j)
	e.bytes += j.size
	if len(e.batch) >= archiveBatch || e.bytes >= archiveBatchBytes {
		return e.flush(ctx)
	}
	return nil
}

func (*archiving) end(context.Context) {}

func (e *archiving) flush(context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	err := e.to.Sync()
	for _, j := range e.batch {
		if err != nil {
			j.done(jobFailed, report.ReasonNotArchived, err.Error())
		} else {
			j.done(jobDone, "", "")
		}
	}
	clear(e.batch)
	e.batch, e.bytes = e.batch[:0], 0
	return err
}
