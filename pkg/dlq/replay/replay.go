package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/transform"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// DefaultMaxReplays is how often a message is replayed before it stays in the queue.
const DefaultMaxReplays = 3

// ChangedShown is how many messages ReplayOptions.Changed receives.
const ChangedShown = 3

// ErrStream is wrapped by errors about operations that streams do not support.
var ErrStream = errors.New("a stream keeps its messages")

// From is the queue that a run takes messages from, and how it does.
type From struct {
	// Source and Counter belong to the vhost. Counter may be nil; the run then ends when no message
	// arrives for a moment.
	Source  consume.Source
	Counter browse.Counter
	// Queue is the queue's name, Type one of topology's queue types ("" is classic).
	Queue, Type string
	// Total is how many messages were ready at the snapshot, which the user has seen. At most that
	// many are taken; messages that this run itself returns do not count. If it is negative,
	// Counter is asked now; a stream is then read up to its present end.
	Total int64
	// Expect is how many messages the broker counts in a stream; 0 or less is unknown. Where it
	// counts some, none is an error.
	Expect int64
	// Prefetch is how many messages may be unsettled at a time; 0 is 2,500, 1,000 for a quorum
	// queue, or fewer for large messages: see Mean. It is the maximum number of duplicates after a
	// crash.
	Prefetch int
	// Mean is the average size of the queue's messages in bytes; 0 is unknown. RabbitMQ has no
	// prefetch in bytes, so Mean is what keeps large messages from filling the memory.
	Mean int64
	// Return is how messages that stay are returned; see browse.Assessment.
	Return browse.ReturnBy
	// Reconnect is for both connections: the consuming one and the publishing one.
	Reconnect Reconnect
	// Offset is where to start in a stream, see consume.Options; nil means "first".
	Offset any
	// last is the offset at which the snapshot of a stream ends. Negative means unknown.
	last int64
}

// ReplayOptions say what to replay, where to, and how. The zero value, with From and Dialer set,
// replays every message whose queue is known, at most DefaultMaxReplays times.
type Options struct {
	From
	// Dialer opens the publishing connection. It is separate from Source's, because a memory alarm
	// blocks connections that publish.
	Dialer publish.Dialer
	// To is the destination.
	To Destination
	// Select selects the messages.
	Select Selection
	// IsWait reports whether a queue is a wait queue, where messages expire on purpose; may be nil.
	IsWait func(queue string) bool
	// Exists reports whether a queue exists; a message whose queue does not exist stays. With nil,
	// that is found out by publishing.
	Exists func(queue string) bool
	// HasExchange is the same for exchanges.
	HasExchange func(exchange string) bool
	// Room returns the room of queues that drop messages when full: what does not fit stays. nil
	// sends everything.
	Room RoomOf
	// Identity is the user of the publishing connection.
	Identity Identity
	// ID is the id of the run, which is stamped on the messages; "" generates one.
	ID string
	// MaxReplays skips messages that were already replayed this often; 0 is DefaultMaxReplays,
	// negative is no limit.
	MaxReplays int64
	// RestoreTTL restores the expiration that the broker removed when a message died.
	RestoreTTL bool
	// Transform changes bodies and headers; nil for none. Changed receives the first ChangedShown
	// messages before and after, as they are sent; for a preview use a DryRun. It must not keep or
	// change them.
	Transform *transform.Transform
	Changed   func(before, after *message.Message)
	// CheckChanged returns what is wrong with a message after Transform; that message then stays.
	// nil checks nothing.
	CheckChanged func(before, after *message.Message) error
	// Sending is called for each message that is sent; nil for none.
	Sending Sending
	// Limit is the maximum number of messages to try; 0 is no limit.
	Limit int64
	// Rate is the maximum number of messages per second; 0 is no limit.
	Rate float64
	// Copy leaves the originals in the queue. Streams can only be copied from.
	Copy bool
	// Ramp sends in stages and watches whether messages die again.
	Ramp Ramp
	// Observer and Report may be nil.
	Observer Observer
	Report   Recorder

	timing *pipeline.Timing
	move   bool
	rooms  *rooms // of all stages
}

// NewRunID returns a short, unique id for a run. Ids have no order.
func NewRunID() string { return "r-" + rand.Text()[:16] }

// Replay sends messages back to where they died, or elsewhere, and takes each out of the queue once
// its copy is confirmed. It reconnects after either connection is lost. When ctx ends, it settles
// what is in flight, for at most half a minute.
//
// A message is never lost. It may be duplicated if a connection is lost, or the process dies, after
// its confirm and before the broker has processed its acknowledgement: at most Prefetch messages.
// Result.Resent counts messages that were sent again. Replay returns an error if the options
// contradict each other, or if the run ended early. The Result is valid in either case.
func Replay(ctx context.Context, o Options) (Result, error) {
	o, err := o.complete(ctx)
	if err != nil {
		return Result{ID: o.ID, Queue: o.Queue}, err
	}
	if len(o.Ramp.Stages) > 0 {
		return o.ramp(ctx)
	}
	return pipeline.Run(ctx, o.task(ctx, o.Limit))
}

func (o Options) complete(ctx context.Context) (Options, error) {
	if o.ID == "" {
		o.ID = NewRunID()
	}
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	o.rooms = newRooms(o.Room)
	if o.Rate < 0 || o.Limit < 0 {
		return o, errors.New("a rate and a limit cannot be negative")
	}
	if o.To.Kind == ToQueue && o.To.Queue == o.Queue {
		return o, fmt.Errorf("queue %q is both the source and the target", o.Queue)
	}
	if o.Copy && len(o.Ramp.Stages) > 0 {
		return o, errors.New("a ramp needs to take messages out of the queue: with copies, every stage would send the " +
			"same messages")
	}
	if o.Type == topology.Stream && !o.Copy {
		return o, fmt.Errorf("take messages out of queue %q: %w: only a copy is possible", o.Queue, ErrStream)
	}
	return o, o.From.snapshot(ctx)
}

// snapshot sets the defaults and counts the messages.
func (f *From) snapshot(ctx context.Context) error {
	if f.Prefetch <= 0 {
		f.Prefetch = pipeline.PrefetchFor(f.Type, f.Mean)
	}
	f.last = -1
	if f.Type == topology.Stream && f.Offset == nil {
		f.Offset = "first"
	}
	switch {
	case f.Total >= 0:
	case f.Type == topology.Stream:
		wait := browse.StreamWait
		if f.Expect > 0 {
			wait = browse.StreamStall
		}
		o := consume.Options{Queue: f.Queue, Prefetch: browse.StreamPrefetch}
		last, ok, err := browse.StreamEnd(ctx, f.Source, o, wait)
		if err == nil && !ok && f.Expect > 0 {
			err = fmt.Errorf("read stream %q: the broker counts %d messages, and has sent none for %s", f.Queue, f.Expect, wait)
		}
		if err != nil || !ok {
			f.Total = 0
			return err
		}
		f.Total, f.last = 1<<62, last
	case f.Counter == nil:
		f.Total = 1 << 62
	default:
		n, err := f.Counter.Ready(ctx, f.Queue)
		if err != nil {
			return fmt.Errorf("count messages of queue %q: %w", f.Queue, err)
		}
		f.Total = n
	}
	return nil
}

func (f From) task() pipeline.Task {
	if f.Type == topology.Stream {
		f.Return = browse.ReturnNothing // (fact nack-on-stream)
	}
	timing := pipeline.DefaultTiming()
	timing.Reconnect, timing.Confirm = f.Reconnect.policy(), f.Reconnect.ConfirmTimeout
	return pipeline.Task{
		Source: f.Source, Counter: f.Counter, Queue: f.Queue, Prefetch: f.Prefetch, Total: f.Total, ReturnBy: f.Return,
		Stream: f.Type == topology.Stream, Offset: f.Offset, LastOffset: f.last, Timing: timing,
	}
}

func (o Options) decider() decider {
	return decider{
		router: router{to: o.To, from: o.Queue, isWait: o.IsWait, exists: o.Exists, hasExchange: o.HasExchange},
		outgoing: outgoing{
			replay: message.Replay{ID: o.ID, From: o.Queue}, identity: o.Identity, restoreTTL: o.RestoreTTL,
			move: o.move, transform: o.Transform, check: o.CheckChanged,
		},
		selection: o.Select.at(time.Now()), maxReplays: max(o.MaxReplays, 0),
	}
}

// task returns a task for at most limit messages; 0 is no limit.
func (o Options) task(ctx context.Context, limit int64) pipeline.Task {
	t := o.From.task()
	d := o.decider()
	t.Decide = o.showing(func(m *message.Message) pipeline.Decision { return d.decide(ctx, m) })
	t.Effect = pipeline.Publish(o.Dialer)
	if o.Room != nil {
		t.Admission = o.rooms
	}
	t.Limit, t.Keep, t.ID, t.Observer, t.Recorder = limit, o.Copy, o.ID, o.Observer, o.Report
	t.Outcome, t.Sending = o.outcome(), o.Sending
	if o.Rate > 0 {
		t.Limiter = rate.NewLimiter(rate.Limit(o.Rate), int(max(1, o.Rate/10)))
	}
	if o.timing != nil {
		t.Timing = *o.timing
	}
	return t
}

// showing passes the first messages to Changed.
func (o Options) showing(decide func(*message.Message) pipeline.Decision) func(*message.Message) pipeline.Decision {
	if o.Transform == nil || o.Changed == nil {
		return decide
	}
	shown := 0
	return func(m *message.Message) pipeline.Decision {
		v := decide(m)
		if v.Action == pipeline.Process && shown < ChangedShown {
			shown++
			o.Changed(m, v.Message)
		}
		return v
	}
}

func (o Options) outcome() Outcome {
	switch {
	case o.Copy:
		return OutcomeCopied
	case o.move:
		return OutcomeMoved
	}
	return OutcomeReplayed
}
