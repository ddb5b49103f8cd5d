package vhost

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// filledStream is how long a stream that holds messages may take to send the first one. Only a
// timeout identifies an empty stream.
const filledStream = 15 * time.Second

// Browse browses messages from the head, at most limit of them, 0 for all that are ready now.
// Errors are those of browse.Browse and of the count.
func (v *VHost) Browse(ctx context.Context, q *topology.Queue, l browse.Assessment, limit int64,
	each func(*message.Message) error) (browse.Report, error) {
	o := browse.Options{Assessment: l, Limit: limit, Override: v.Override(q), Counter: v.Counter()}
	if q.Type != topology.Stream {
		ready, err := v.Ready(ctx, q.Name)
		if err != nil {
			return browse.Report{}, err
		}
		if ready == 0 {
			return browse.Report{}, nil
		}
		o.Expect = ready
		o.Keep = v.KeepCopy(q.Name)
	} else if v.Counts[q.Name].Ready > 0 {
		o.Idle = filledStream
	}
	report, err := browse.Browse(ctx, v.Broker.Source(v.Name), o, each)
	v.WarnHarm(q.Name, report)
	return report, err
}

// headIdle is how long the first messages of a queue may take to arrive.
const headIdle = 500 * time.Millisecond

// BrowseHead browses the first limit messages of a queue. It does not count first, and does not
// warn: the report says what it did to the queue. tag is the consumer tag. Errors are those of
// browse.Browse.
func (v *VHost) BrowseHead(ctx context.Context, l browse.Assessment, most int64, tag string,
	each func(*message.Message) error) (browse.Report, error) {
	q := &topology.Queue{VHost: v.Name, Name: l.Queue, Type: l.Type}
	o := browse.Options{Assessment: l, Limit: most, Idle: headIdle, Override: v.Override(q), Tag: tag}
	if l.Return != browse.ReturnNothing {
		o.Expect, o.Keep = most, v.KeepCopy(l.Queue)
	}
	return browse.Browse(ctx, v.Broker.Source(v.Name), o, each)
}

// OnlyMarks returns "" if browsing a queue does no more than set the redelivered flag, else what it
// does.
func OnlyMarks(l browse.Assessment) string {
	if l.Refused != "" {
		return l.Refused
	}
	more := []browse.Effect{browse.EffectCounted, browse.EffectShared, browse.EffectReordered, browse.EffectDelayed,
		browse.EffectLost,
		browse.EffectOverflow}
	for _, n := range l.Notes {
		if slices.Contains(more, n.Effect) {
			return n.Text
		}
	}
	return ""
}

// WarnHarm warns about what browsing did to a queue.
func (v *VHost) WarnHarm(queue string, r browse.Report) {
	if r.Missing > 0 {
		v.Options.Warn(fmt.Sprintf("%s of queue %s did not come, although counted at the start: expired, with another "+
			"consumer, or not delivered by the broker", messages(int(r.Missing)), queue))
	}
	if r.Kept > 0 {
		v.Options.Warn(fmt.Sprintf("%s of queue %s would not have survived their return and are at its end now, as "+
			"confirmed copies", messages(r.Kept), queue))
	}
	if r.Reordered {
		v.Options.Warn(fmt.Sprintf("browsing ended early: the browsed messages of queue %s are now behind other messages "+
			"that "+
			"had been returned before", queue))
	}
	if len(r.Lost) > 0 {
		v.Options.Warn(fmt.Sprintf("the broker drops or dead-letters %s of queue %s that had reached the delivery limit, "+
			"with message ids: %s", messages(len(r.Lost)), queue, strings.Join(r.Lost, ", ")))
	}
}

func messages(n int) string { return units.FormatCount(int64(n), "message") }

// KeepCopy returns a function that publishes a confirmed copy at the end of a queue.
func (v *VHost) KeepCopy(queue string) func(context.Context, *message.Message) error {
	return func(ctx context.Context, m *message.Message) error {
		var outcome publish.Outcome[struct{}]
		re := v.Options.Reconnect
		p, err := publish.Open(ctx, v.Broker.Dialer(v.Name), publish.PublisherOptions{Window: 1, ReconnectDelay: re.Delay,
			ReconnectAttempts: re.Attempts, ConfirmTimeout: re.ConfirmTimeout},
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
