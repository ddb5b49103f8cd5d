package pipeline

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Effect is what a run does with the messages to process: Publish, Discard or Keep.
type Effect func(ctx context.Context, r *run) (effect, error)

// publishing uses a separate connection: a memory alarm blocks connections that publish, and would
// block acknowledgements on the same connection, too.
type publishing struct {
	to *publish.Publisher[*job]
}

// Publish sends each message to its target. A message is done when it is confirmed. The window is
// as large as the prefetch: everything unsettled may be in flight.
func Publish(d publish.Dialer) Effect {
	return func(ctx context.Context, r *run) (effect, error) {
		p, err := publish.Open(ctx, d, r.publisherOptions(), r.published)
		if err != nil {
			return nil, err
		}
		return publishing{p}, nil
	}
}

func (r *run) publisherOptions() publish.PublisherOptions {
	return publish.PublisherOptions{
		Window: max(r.Prefetch, publish.DefaultWindow), ReconnectDelay: r.Timing.Reconnect.Delay,
		ReconnectAttempts: r.Timing.Reconnect.Attempts, Notify: r.progress.PublisherNotice,
	}
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
		j.result = resultOf(o.Kind)
		j.reason, j.detail = report.ReasonOf(o.Kind, o.Err)
		r.ended = append(r.ended, j)
	}
	r.mu.Unlock()
	signal(r.wake)
}

func resultOf(kind publish.OutcomeKind) jobResult {
	switch kind {
	case publish.Confirmed:
		return jobDone
	case publish.Unknown:
		return jobUnknown
	}
	return jobFailed
}

func (e publishing) do(ctx context.Context, j *job) error {
	j.sent.Begin(j.run.Sending, *j.decision.Target, j.decision.Message)
	err := e.to.Publish(ctx, *j.decision.Target, j.decision.Message, j)
	if err == nil {
		return nil
	}
	stopping := j.run.stopping.Load() || ctx.Err() != nil
	j.done(jobFailed, report.ReasonInterrupted, "the run ended before it was sent: "+err.Error())
	if stopping {
		return nil
	}
	return err
}

func (publishing) flush(context.Context) error { return nil }

func (e publishing) end(ctx context.Context) { _ = e.to.Close(ctx) } // every message has its own outcome

// Discard does nothing: processed messages leave their queue.
func Discard() Effect {
	return func(context.Context, *run) (effect, error) { return discarding{}, nil }
}

type discarding struct{}

func (discarding) do(_ context.Context, j *job) error {
	j.done(jobDone, "", "")
	return nil
}

func (discarding) flush(context.Context) error { return nil }
func (discarding) end(context.Context)         {}
