package run

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// move moves the messages that are ready in a queue through an exchange of the migration, and
// returns how many are there now. refused says why the target takes no more at the moment, "" if it
// does. A message is removed when its copy is confirmed and was not returned.
func (r *Runner) move(ctx context.Context, from, to *topology.Queue, n int64,
	change func(*message.Message) *message.Message) (done int64, refused string, err error) {
	if r.Options.PauseAbove > 0 {
		n = min(n, maxUnwatched)
	}
	if err := r.calm(ctx); err != nil {
		return 0, "", err
	}
	target := r.Job.Into(to).Name
	timing := pipeline.DefaultTiming()
	timing.Reconnect = reconnect.Policy{Delay: r.Options.Reconnect.Delay, Attempts: r.Options.Reconnect.Attempts}
	timing.Confirm = r.Options.Reconnect.ConfirmTimeout
	t := pipeline.Task{
		Source: r.Broker.Source(from.VHost), Counter: counter{r.Broker, from.VHost}, Queue: from.Name,
		Prefetch: r.Options.Prefetch, Total: n, ReturnBy: pipeline.ReturnByNack,
		Effect:  pipeline.Publish(r.Broker.Dialer(from.VHost)),
		Outcome: report.OutcomeMoved, ID: r.Job.ID, Timing: timing,
		Decide: func(m *message.Message) pipeline.Decision {
			out := change(m)
			return pipeline.Decision{Action: pipeline.Process, Message: out, Altered: out.UserID != m.UserID,
				Target: &publish.Target{Exchange: target, Key: m.RoutingKey}}
		},
	}
	if from.Type == topology.Quorum {
		t.ReturnBy = pipeline.ReturnByClose // (fact nacks-without-limit)
	}
	if r.Options.Observer != nil {
		t.Observer = r.Options.Observer
	}
	if r.Options.Rate > 0 {
		t.Limiter = rate.NewLimiter(rate.Limit(r.Options.Rate), int(max(1, r.Options.Rate/10)))
	}
	result, err := pipeline.Run(ctx, t)
	r.report.Resent += result.Resent
	r.report.Altered += result.Altered
	if result.Done > 0 {
		r.progress()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return result.Done, "", fmt.Errorf("move messages from queue %q to queue %q: %w", from.Name, to.Name, err)
	}
	for _, s := range result.Stayed {
		if s.Reason != report.ReasonNacked {
			return result.Done, "", fmt.Errorf("move messages from queue %q to queue %q: %d stay, because of %s: %s", from.Name,
				to.Name, s.Messages, s.Reason, s.Example)
		}
		refused = fmt.Sprintf("queue %q refuses messages: it is full, and nobody takes any out", to.Name)
	}
	if result.Unreachable != "" && result.Done == 0 {
		refused = fmt.Sprintf("the messages of queue %q cannot be read: %s", from.Name, result.Unreachable)
	}
	return result.Done, refused, nil
}

// maxMove is how many messages are moved between two looks at the bindings of the queue. Until then
// what an application has bound anew doubles its messages.
const maxMove = 20_000

// atMost is the part of n messages to move before the next look: what takes a few seconds.
func (r *Runner) atMost(n int64) int64 {
	if r.Options.Rate > 0 {
		n = min(n, max(1, int64(5*r.Options.Rate)))
	}
	return min(n, maxMove)
}

// moveAll moves messages until a queue is empty, and returns how many.
func (r *Runner) moveAll(ctx context.Context, from, to *topology.Queue) (moved int64, err error) {
	for {
		n, err := r.ready(ctx, from)
		if err != nil || n == 0 {
			return moved, err
		}
		done, err := r.moveSome(ctx, from, to, n)
		moved += done
		if err != nil {
			return moved, err
		}
	}
}

// moveSome moves messages towards the new queue, and waits if it takes no more. Applications bind the
// new queue when they subscribe again, so their bindings are led away as long as the route leads to
// the arrivals.
func (r *Runner) moveSome(ctx context.Context, from, to *topology.Queue, n int64) (int64, error) {
	if r.Job.Stage == migrate.Refill {
		if _, err := r.lead(ctx, to.Ref(), r.Job.Route().Ref()); err != nil {
			return 0, err
		}
	}
	done, refused, err := r.move(ctx, from, to, r.atMost(n), r.Identity.Restore)
	if err == nil && refused != "" {
		err = r.pause(ctx, refused)
	}
	return done, err
}

// counter counts for the engine that moves messages.
type counter struct {
	broker Broker
	vhost  string
}

// Ready implements pipeline.Counter.
func (c counter) Ready(ctx context.Context, queue string) (int64, error) {
	return c.broker.Ready(ctx, c.vhost, queue)
}

// ReadyConsuming implements pipeline.ConsumingCounter.
func (c counter) ReadyConsuming(ctx context.Context, queue string) (int64, error) {
	return c.broker.ReadyConsuming(ctx, c.vhost, queue)
}

// Unacked implements pipeline.UnackedCounter.
func (c counter) Unacked(ctx context.Context, queue string) (int64, error) {
	counts, err := c.broker.Counts(ctx, c.vhost)
	return counts[queue].Unacked, err
}
