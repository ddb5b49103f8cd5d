package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// lookOptions are the flags that allow what is refused otherwise.
type lookOptions struct {
	guard, force bool
}

func (o *lookOptions) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.guard, "guard", false,
		"lift the delivery limit of a quorum queue with a policy of msgctl's own meanwhile")
	cmd.Flags().BoolVar(&o.force, "force", false, "go ahead where messages could be dropped or dead-lettered again")
}

// assess judges a look into a queue; an error says what would allow it. limit is how many messages
// are looked at, 0 all.
func (s *dlqSession) assess(ctx context.Context, q *topology.Queue, o lookOptions, limit int64) (dlq.Looking, error) {
	if err := s.recountQueue(ctx, q.Name); err != nil && ctx.Err() != nil {
		return dlq.Looking{}, err // who may not use AMQP has the list's count
	}
	l, err := s.judge(ctx, q, o, limit)
	if err != nil || l.Refused == "" {
		return l, err
	}
	return l, s.refusedLook(q, l)
}

func (s *dlqSession) judge(ctx context.Context, q *topology.Queue, o lookOptions, limit int64) (dlq.Looking, error) {
	facts, err := dlq.FactsOf(s.live, s.found, s.vhost, q.Name)
	if err != nil {
		return dlq.Looking{}, err
	}
	facts.ExclusiveConsumer = s.counts[q.Name].Exclusive
	// the list is some seconds late
	if ready, err := s.broker.Ready(ctx, s.vhost, q.Name); err == nil && q.Type != topology.Stream {
		facts.Status.Messages, facts.Status.Known = ready+s.counts[q.Name].Unacked, true
	}
	if facts.MaxLengthBytes.Value != nil {
		bytes, messages, err := s.broker.MessageBytes(ctx, s.vhost, q.Name)
		if ctx.Err() != nil {
			return dlq.Looking{}, ctx.Err()
		}
		if err == nil { // else the size is unknown
			facts.Size = dlq.QueueSize{Bytes: bytes, Messages: messages}
		}
	}
	return dlq.Assess(facts, dlq.AssessOptions{Limit: limit, Guard: o.guard, Force: o.force}), nil
}

func (s *dlqSession) refusedLook(q *topology.Queue, l dlq.Looking) error {
	command := "msgctl " + s.command + " " + shell.Quote(q.Name)
	var advice []string
	if l.Allow == dlq.PermitGuard {
		advice = append(advice, command+" --guard"+s.given+"   lifts the limit with a policy meanwhile")
	}
	if l.Allow != dlq.PermitNone {
		advice = append(advice, command+" --force"+s.given+"   goes ahead all the same")
	}
	err := fmt.Errorf("queue %q: %w: %s", q.Name, dlq.ErrUnsafe, l.Refused)
	return &exitError{code: exitFailed, err: err, advice: strings.Join(advice, "\n")}
}

// tell says once, before it is done, what reading a queue does to it.
func (s *dlqSession) tell(q *topology.Queue, l dlq.Looking, what string) {
	if len(l.Notes) == 0 {
		return
	}
	streams := s.deps.streams
	style := streams.ErrStyler(s.deps.colour)
	notes := make([]string, len(l.Notes))
	for i, n := range l.Notes {
		notes[i] = n.Text
	}
	text := fmt.Sprintf("%s %s queue %s: %s.", what, q.Type, q.Name, strings.Join(notes, "; "))
	for _, line := range terminal.Wrap(terminal.Neutralise(text), streams.ErrWidth()) {
		fmt.Fprintln(streams.Err, style.Dim(line))
	}
}

// guardFor returns what lifts the queue's delivery limit, nil where nothing can.
func (s *dlqSession) guardFor(q *topology.Queue) dlq.Lifter {
	if q.Type != topology.Quorum {
		return nil
	}
	policies, err := dlq.PlanGuard(&s.live.State, s.vhost, q.Name, s.live.Server.Version, time.Now())
	if err != nil {
		return nil
	}
	return dlq.NewGuard(s.broker, q.Name, policies)
}

// guarded runs f with the delivery limit lifted where the judgement says so.
func (s *dlqSession) guarded(ctx context.Context, q *topology.Queue, l dlq.Looking, f func() error) (err error) {
	if !l.Guard {
		return f()
	}
	guard := s.guardFor(q)
	if guard == nil {
		return fmt.Errorf("queue %q: its delivery limit cannot be lifted here", q.Name)
	}
	lower, err := guard.Raise(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lower(context.WithoutCancel(ctx))) }()
	return f()
}

// filledStream is how long a stream that holds messages may take to send the first one. Nothing but
// silence tells an empty one.
const filledStream = 15 * time.Second

// browse looks at messages from the head, at most limit of them, 0 for all that are ready now.
func (s *dlqSession) browse(ctx context.Context, q *topology.Queue, l dlq.Looking, limit int64,
	each func(*message.Message) error) (dlq.BrowseReport, error) {
	o := dlq.BrowseOptions{Looking: l, Limit: limit, Guard: s.guardFor(q), Counter: inVHost{s.broker, s.vhost}}
	if q.Type != topology.Stream {
		ready, err := s.ready(ctx, q.Name)
		if err != nil {
			return dlq.BrowseReport{}, err
		}
		if ready == 0 {
			return dlq.BrowseReport{}, nil
		}
		o.Expect = ready
		o.Keep = s.keeper(q.Name)
	} else if s.counts[q.Name].Ready > 0 {
		o.Idle = filledStream
	}
	report, err := dlq.Browse(ctx, s.broker.Source(s.vhost), o, each)
	s.warnHarm(q, report)
	return report, err
}

func (s *dlqSession) warnHarm(q *topology.Queue, r dlq.BrowseReport) {
	if r.Kept > 0 {
		s.deps.warn(fmt.Sprintf("%s of queue %s would not have survived their return and are at its end now, as confirmed "+
			"copies",
			terminal.FormatPlural(int64(r.Kept), "message", "messages"), q.Name))
	}
	if r.Reordered {
		s.deps.warn(fmt.Sprintf("the look ended early: what was looked at in queue %s is now behind other messages that "+
			"had been returned before", q.Name))
	}
	if len(r.Lost) > 0 {
		s.deps.warn(fmt.Sprintf("the broker drops or dead-letters %s of queue %s that had reached the delivery limit, "+
			"with message ids: %s",
			terminal.FormatPlural(int64(len(r.Lost)), "message", "messages"), q.Name, strings.Join(r.Lost, ", ")))
	}
}

// keeper publishes a confirmed copy at the end of a queue.
func (s *dlqSession) keeper(queue string) func(context.Context, *message.Message) error {
	return func(ctx context.Context, m *message.Message) error {
		var outcome publish.Outcome[struct{}]
		p, err := publish.Open(ctx, s.broker.Dialer(s.vhost), publish.PublisherOptions{Window: 1},
			func(list []publish.Outcome[struct{}]) { outcome = list[0] })
		if err != nil {
			return err
		}
		err = p.Publish(ctx, publish.Target{Key: queue}, m, struct{}{})
		if closed := p.Close(ctx); err == nil {
			err = closed
		}
		switch {
		case err != nil:
			return err
		case outcome.Kind != publish.Confirmed:
			return fmt.Errorf("keep a copy in queue %q: %w", queue, errors.Join(errors.New(outcome.Kind.String()), outcome.Err))
		}
		return nil
	}
}
