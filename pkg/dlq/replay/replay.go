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

// DefaultMaxReplays is how often a message is replayed before it is left where it is.
const DefaultMaxReplays = 3

// ChangedShown is how many messages ReplayOptions.Changed sees.
const ChangedShown = 3

// ErrStream is wrapped when something is asked of a stream that no stream can do.
var ErrStream = errors.New("a stream keeps its messages")

// From says which queue a run takes messages from, and how.
type From struct {
	// Source and Counter belong to the vhost. Counter may be nil; the run then ends when nothing
	// comes for a moment.
	Source  consume.Source
	Counter browse.Counter
	// Queue is the queue's name, Type one of topology's queue types ("" is classic).
	Queue, Type string
	// Total is the snapshot: how many messages were ready when the user was told. At most so many
	// are looked at; what comes back by this very run is not counted. Negative: ask Counter now.
	// For a stream, negative is to where it ends now.
	Total int64
	// Prefetch is how many messages may be unsettled at a time; 0 is 2,500, 1,000 of a quorum
	// queue, or fewer of those that are large: see Mean. It bounds the number of duplicates after a
	// crash.
	Prefetch int
	// Mean is how large the queue's messages are on average, in bytes; 0 is unknown. RabbitMQ has
	// no prefetch by bytes, so it is what keeps a queue of large messages from filling the memory.
	Mean int64
	// Return says how messages that stay go back; see browse.Assessment.
	Return browse.ReturnBy
	// Reconnect is for both connections: the one that reads, and the one that publishes.
	Reconnect Reconnect
	// Offset is where to start in a stream, see consume.Options; nil is "first".
	Offset any
	// last is the offset at which a stream ends: its snapshot. Negative is unknown.
	last int64
}

// ReplayOptions say what to replay, where to, and how carefully. The zero value, completed by From
// and Dialer, replays everything that has a way back, at most DefaultMaxReplays times.
type Options struct {
	From
	// Dialer opens the connection that publishes: another than Source's, because a memory alarm
	// stops those that publish.
	Dialer publish.Dialer
	// To is where messages go.
	To Destination
	// Select says which messages.
	Select Selection
	// IsWait reports whether a queue is a wait queue, where messages expire on purpose; may be nil.
	IsWait func(queue string) bool
	// Exists tells which queues exist; a message whose queue does not is left. nil finds out by
	// trying.
	Exists func(queue string) bool
	// Room tells of the queues that drop what is too much for them: what does not fit stays. nil
	// sends everything.
	Room RoomOf
	// Identity says whose connection publishes.
	Identity Identity
	// ID of the run, stamped on the messages; "" makes one.
	ID string
	// MaxReplays leaves messages that were replayed so often already; 0 is DefaultMaxReplays,
	// negative is no limit.
	MaxReplays int64
	// RestoreTTL gives messages the expiration back that the broker took off when they died.
	RestoreTTL bool
	// Transform changes bodies and headers; nil for none. Changed is shown the first ChangedShown
	// messages before and after, as they are sent: for a preview use a Planner. It must not keep or
	// change them.
	Transform *transform.Transform
	Changed   func(before, after *message.Message)
	// CheckChanged says what is wrong with a message after Transform, which then stays; nil asks
	// nothing.
	CheckChanged func(before, after *message.Message) error
	// Sending follows each message that is sent; nil follows none.
	Sending Sending
	// Limit is how many messages to try at most; 0 is no limit.
	Limit int64
	// Rate is how many messages to send a second; 0 is no limit.
	Rate float64
	// Copy leaves the originals. Streams can only be copied from.
	Copy bool
	// Ramp begins with few messages and watches whether they come back.
	Ramp Ramp
	// Observer and Report are told what happens; both may be nil.
	Observer Observer
	Report   Recorder

	timing *pipeline.Timing
	move   bool
	rooms  *rooms // of all stages
}

// NewRunID returns an id for a run: short, unique, sorted by nothing.
func NewRunID() string { return "r-" + rand.Text()[:16] }

// Replay sends messages back to where they died, or elsewhere, and takes them out of the queue once
// their copies are confirmed. It goes on after lost connections of either side. When ctx ends, what
// is in flight is settled first, for at most half a minute.
//
// A message is never lost. It may be duplicated when a connection is lost, or the process dies,
// between its confirmation and the broker's knowledge of its acknowledgement: at most Prefetch
// messages, and of Result.Resent those that were sent again.
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
	if o.To.Kind == ToQueue && o.To.Queue == o.Queue && !o.Copy {
		return o, fmt.Errorf("queue %q is both the source and the target", o.Queue)
	}
	if o.Copy && len(o.Ramp.Stages) > 0 {
		return o, errors.New("a ramp takes messages out: each stage goes on behind the one before, where copies would " +
			"begin anew")
	}
	if o.Type == topology.Stream && !o.Copy {
		return o, fmt.Errorf("take messages out of queue %q: %w: only a copy is possible", o.Queue, ErrStream)
	}
	return o, o.From.snapshot(ctx)
}

// snapshot fills in the defaults and counts.
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
		last, ok, err := browse.StreamEnd(ctx, f.Source, consume.Options{Queue: f.Queue, Prefetch: browse.StreamPrefetch},
			browse.StreamWait)
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
		f.Return = browse.ReturnNothing // a nack on a stream ends the connection on 3.10.8 (540)
	}
	timing := pipeline.DefaultTiming()
	timing.Reconnect = f.Reconnect.policy()
	return pipeline.Task{
		Source: f.Source, Counter: f.Counter, Queue: f.Queue, Prefetch: f.Prefetch, Total: f.Total, ReturnBy: f.Return,
		Stream: f.Type == topology.Stream, Offset: f.Offset, LastOffset: f.last, Timing: timing,
	}
}

func (o Options) decider() decider {
	return decider{
		router: router{to: o.To, from: o.Queue, isWait: o.IsWait, exists: o.Exists},
		outgoing: outgoing{
			replay: message.Replay{ID: o.ID, From: o.Queue}, identity: o.Identity, restoreTTL: o.RestoreTTL,
			move: o.move, transform: o.Transform, check: o.CheckChanged,
		},
		selection: o.Select.at(time.Now()), maxReplays: max(o.MaxReplays, 0),
	}
}

// task is for at most so many messages; 0 is no limit.
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

// showing lets Changed see the first messages.
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
