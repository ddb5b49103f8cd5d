package pipeline

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Effect opens what a run does with the messages to process: see Publish, Discard and Keep.
type Effect func(ctx context.Context, r *run) (effect, error)

// publishing uses a separate connection: a memory alarm blocks connections that publish, and would
// block acknowledgements on the same connection, too.
type publishing struct {
	to *publish.Publisher[*job]
}

// Publish returns an effect that sends each message to its target, through channels of d. A message
// is done when it is confirmed. The window is at least as large as the prefetch: everything
// unsettled may be in flight.
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
		ReconnectAttempts: r.Timing.Reconnect.Attempts, ConfirmTimeout: r.Timing.Confirm,
		Notify: r.progress.PublisherNotice,
	}
}

// published receives the outcomes of messages from the publisher. A publisher that gave up on its
// connection reports this here: the run may have no further message whose publication would fail.
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

// Discard returns an effect that does nothing: processed messages leave their queue.
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
