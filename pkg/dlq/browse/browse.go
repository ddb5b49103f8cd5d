package browse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// What Browse's callback may return besides errors.
var (
	// ErrStop ends browsing without an error.
	ErrStop = errors.New("enough")
	// ErrMore says that the message does not count towards Options.Limit: one more is browsed.
	ErrMore = errors.New("one more")
)

// Options say what to browse and how.
type Options struct {
	// Assessment is the result of Assess for the queue, and is required. A refused queue is not
	// browsed.
	Assessment Assessment
	// Limit is how many messages to browse, from the head; 0 means all.
	Limit int64
	// Expect is how many messages were ready at the start (from a passive declaration). Browsing
	// ends there, so that arrivals do not prolong it. 0 means unknown: it ends when no message has
	// arrived for Idle.
	Expect int64
	// Memory limits, approximately and in bytes, the messages that the client buffers before the
	// callback gets them. Default 16 MiB. A single message of the broker's size limit may exceed
	// it.
	Memory int64
	// Idle is how long to wait for a message before the queue counts as empty. Default 1.5 s. For the
	// first message of a stream it is at least 5 s, and 30 s where Expect says that there are some.
	Idle time.Duration
	// Tag is the consumer tag that the broker's list of consumers shows. Default "msgctl-look".
	Tag string
	// Counter tells when the messages of a session are back in the queue, so that the next
	// session's come behind them. With nil, a fixed pause is used instead.
	Counter Counter
	// Override lifts the delivery limit if Assessment.Override says so, and in an emergency: when
	// Browse holds a message that would not survive any return. May be nil.
	Override LimitOverride
	// Keep publishes a confirmed copy of a message at the end of the same queue. It is used for a
	// message that would not survive its return if the Override cannot help. May be nil.
	Keep func(context.Context, *message.Message) error
}

// LimitOverride lifts the delivery limit of one queue: see NewPolicyOverride.
type LimitOverride interface {
	// Apply returns once the limit is lifted. remove restores the limit; it is called once, even
	// after ctx ended.
	Apply(ctx context.Context) (remove func(context.Context) error, err error)
}

// Report says what browsing did.
type Report struct {
	// Seen counts the messages passed to the callback, Returned those that are back in the queue.
	Seen, Returned int64
	// Missing is how many of the messages that were counted at the start did not come, because they
	// expired, another consumer has them, or the broker does not deliver them.
	Missing int64
	// Reordered says that browsing ended early and left messages of a quorum queue behind others
	// that were after them.
	Reordered bool
	// Sessions is how many consumers held messages, one after another.
	Sessions int
	// Kept counts messages that would not have survived their return and were published as copies
	// at the end of the queue.
	Kept int
	// Overridden says that the delivery limit was lifted, possibly in an emergency.
	Overridden bool
	// Lost has the message ids ("" for none) of messages that were returned although the broker
	// drops or dead-letters them, because neither an override nor a copy was possible.
	Lost    []string
	Elapsed time.Duration
}

// Browse calls each with the messages of a queue, from its head, and returns all of them to the
// queue. Memory use does not grow with the number of messages. each may return ErrStop or ErrMore; it may
// keep the message and what it points to, but not change them.
//
// Messages of a classic or quorum queue are held unacknowledged until the end, in one session after
// another. Then they are returned session by session, in the order in which they arrived. Their
// order in the queue does not change (fact returns-before-all). They are returned in the same way
// if ctx ends, each fails or a session fails. Only after a lost connection does the broker requeue
// them itself; the error then wraps consume.ErrLost. Streams are read by offset up to their end at
// the start.
//
// An error that wraps ErrUnsafe means that browsing was refused, or ended at a message with too
// little room in the delivery limit.
func Browse(ctx context.Context, src consume.Source, o Options,
	each func(*message.Message) error) (Report, error) {
	start := time.Now()
	b := &browser{src: src, o: o.withDefaults(), each: each}
	err := b.run(ctx)
	if left, bounded := b.left(); err == nil && bounded && o.Expect > 0 {
		b.report.Missing = max(left, 0)
	}
	if errors.Is(err, ErrStop) {
		err = nil
	}
	b.report.Elapsed = time.Since(start)
	return b.report, err
}

func (o Options) withDefaults() Options {
	if o.Memory <= 0 {
		o.Memory = 16 << 20
	}
	if o.Idle <= 0 {
		o.Idle = 1500 * time.Millisecond
	}
	if o.Tag == "" {
		o.Tag = "msgctl-look"
	}
	if o.Assessment.MaxHold <= 0 {
		o.Assessment.MaxHold = holdDefault
	}
	if o.Expect > 0 && (o.Limit <= 0 || o.Limit > o.Expect) {
		o.Limit = o.Expect
	}
	return o
}

// browser is one call of Browse.
type browser struct {
	src    consume.Source
	o      Options
	each   func(*message.Message) error
	held   []*holder
	size   sizing
	report Report
	// extra is how many messages the callback did not count.
	extra int64
	// overLimit says that a message is held that would not survive its return.
	overLimit bool
	// total is how many messages were held in all; returned says whether the last of them had been
	// returned before.
	total    int64
	lastID   string
	returned bool
	asks     int // of moreReady
	// extending says that messages are held only to keep their order; emptied that the queue has no
	// more.
	extending, emptied bool
}

func (b *browser) run(ctx context.Context) (err error) {
	l := b.o.Assessment
	if err := l.Err(); err != nil {
		return err
	}
	if l.Return == ReturnNothing {
		return b.stream(ctx)
	}
	if l.Override {
		remove, err := b.applyOverride(ctx)
		if err != nil {
			return fmt.Errorf("browse queue %q: %w", l.Queue, err)
		}
		defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	}
	holding, cancel := context.WithTimeoutCause(ctx, l.MaxHold, errHeld)
	err = b.holdAll(holding)
	if err == nil || errors.Is(err, ErrStop) {
		err = errors.Join(err, b.extend(holding))
	} else {
		b.report.Reordered = b.between()
	}
	if errors.Is(err, consume.ErrLost) {
		err = fmt.Errorf("%w (%s)", err, b.cameSoFar())
	}
	cancel()
	if err != nil && errors.Is(context.Cause(holding), errHeld) {
		err = fmt.Errorf("browse queue %q: %w (%s)", l.Queue, errHeld, l.MaxHold)
	}
	return errors.Join(err, b.returnAll(context.WithoutCancel(ctx)))
}

// cameSoFar names the message after which a connection was lost: the next one may be the cause.
func (b *browser) cameSoFar() string {
	if b.total == 0 {
		return "before any message arrived"
	}
	return fmt.Sprintf("after message %d, with id %q", b.total, b.lastID)
}

var errHeld = errors.New("the messages were held for as long as the broker allows, and were returned; browse fewer " +
	"of them")

func (b *browser) applyOverride(ctx context.Context) (func(context.Context) error, error) {
	if b.o.Override == nil {
		return nil, errors.New("its delivery limit must be lifted first, and there is no way to do so here")
	}
	remove, err := b.o.Override.Apply(ctx)
	if err == nil {
		b.report.Overridden = true
	}
	return remove, err
}

// left returns how many messages may still be browsed, and false if there is no limit.
func (b *browser) left() (int64, bool) {
	if b.o.Limit <= 0 {
		return 0, false
	}
	most := b.o.Limit + b.extra
	if b.o.Expect > 0 {
		most = min(most, b.o.Expect)
	}
	return most - b.report.Seen, true
}

// between reports whether the held messages end among those that were returned to a quorum queue
// before. A quorum queue keeps returned messages apart, before all others (fact
// returns-before-all). Returning only some of them would put them behind the rest. The redelivered
// flag identifies them.
func (b *browser) between() bool {
	return b.o.Assessment.Type == topology.Quorum && b.returned && !b.emptied && (b.o.Expect <= 0 || b.total < b.o.Expect)
}

// maxExtension limits how many messages are held only to keep the order.
const maxExtension = 200000

// extend holds the remaining messages that were returned before, so that all of them are returned
// together and in order.
func (b *browser) extend(ctx context.Context) error {
	b.extending = true
	for start := b.total; b.between(); {
		if b.total-start >= maxExtension {
			b.report.Reordered = true
			return nil
		}
		prefetch := b.size.next(b.o.Memory, false)
		if b.o.Expect > 0 {
			prefetch = int(min(int64(prefetch), b.o.Expect-b.total))
		}
		h, err := b.open(ctx, prefetch)
		if err != nil {
			return err
		}
		more, err := b.fill(ctx, h)
		b.emptied = !more
		if err != nil {
			return err
		}
	}
	return nil
}

// holdAll opens one consumer after another, each with its own prefetch, until the queue is empty or
// enough messages were browsed. There is one at a time, because two would share the messages and
// lose their order.
func (b *browser) holdAll(ctx context.Context) error {
	for {
		prefetch := b.size.next(b.o.Memory, b.o.Assessment.Room != nil)
		if left, bounded := b.left(); bounded {
			if left <= 0 {
				return nil
			}
			prefetch = int(min(int64(prefetch), left))
		}
		h, err := b.open(ctx, prefetch)
		if err != nil {
			return err
		}
		more, err := b.fill(ctx, h)
		if err != nil {
			return err
		}
		if b.emptied = !more && !b.moreReady(ctx); b.emptied {
			return nil
		}
	}
}

// maxAsks limits how often the queue is asked whether it really is empty.
const maxAsks = 3

// moreReady reports whether the queue still has messages although none came and fewer were browsed
// than were counted: a slow broker is silent as well.
func (b *browser) moreReady(ctx context.Context) bool {
	left, bounded := b.left()
	if !bounded || left <= 0 || b.o.Expect <= 0 || b.o.Counter == nil || b.asks >= maxAsks {
		return false
	}
	b.asks++
	return pipeline.CountReady(ctx, b.o.Counter, b.o.Assessment.Queue) > 0
}

func (b *browser) open(ctx context.Context, prefetch int) (*holder, error) {
	o := consume.Options{Queue: b.o.Assessment.Queue, Prefetch: prefetch, Tag: b.o.Tag}
	subscribe := b.src.Subscribe
	if len(b.held) > 0 {
		if s, ok := b.held[0].Sub.(consume.Sharer); ok {
			subscribe = s.Share
		}
	}
	sub, err := subscribe(ctx, o)
	if err != nil {
		return nil, err
	}
	h := &holder{Session: pipeline.NewSession(sub, prefetch), prefetch: int64(prefetch)}
	b.held = append(b.held, h)
	b.report.Sessions++
	return h, nil
}
