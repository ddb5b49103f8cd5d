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

// ErrStop, returned by Browse's callback, ends the look without an error.
var ErrStop = errors.New("enough")

// Options say what to look at.
type Options struct {
	// Assessment is what Assess said about the queue. A refused one is not looked at.
	Assessment Assessment
	// Limit is how many messages to look at, from the head; 0 means all.
	Limit int64
	// Expect is how many messages were ready when the look began (a passive declare tells); the
	// look ends there, so that arrivals do not keep it going. 0 means unknown: it ends when nothing
	// has come for Idle.
	Expect int64
	// Memory bounds, roughly and in bytes, what the client holds that the callback has not seen
	// yet. Default 16 MiB. One message of the broker's size limit may exceed it.
	Memory int64
	// Idle is how long to wait for a message before the queue counts as empty. Default 1.5 s.
	Idle time.Duration
	// Tag is the consumer tag that the broker's consumer list shows. Default "msgctl-look".
	Tag string
	// Counter tells when what a session held is back in the queue, so that the next comes behind
	// it. With nil, a pause has to do.
	Counter Counter
	// Override lifts the delivery limit when Assessment.Override says so, and in an emergency: when
	// a message is met that no return would leave in the queue. May be nil.
	Override LimitOverride
	// Keep publishes a confirmed copy of a message at the end of the same queue: what becomes, if
	// the Override cannot help, of a message that would not survive its return. May be nil.
	Keep func(context.Context, *message.Message) error
}

// LimitOverride lifts the delivery limit of one queue: see NewPolicyOverride.
type LimitOverride interface {
	// Apply returns when the limit is lifted. remove puts the limit back; it is called once,
	// also after ctx ended.
	Apply(ctx context.Context) (remove func(context.Context) error, err error)
}

// Report is what a look did.
type Report struct {
	// Seen counts the messages given to the callback, Returned those that are back in the queue.
	Seen, Returned int64
	// Reordered says that a look that ended early left messages of a quorum queue behind others
	// that were after them.
	Reordered bool
	// Sessions is how many consumers held them, one after another.
	Sessions int
	// Kept counts messages that would not have survived their return, and were put at the end of
	// the queue as copies.
	Kept int
	// Overridden says that the delivery limit was lifted, also in an emergency.
	Overridden bool
	// Lost has the message ids ("" for none) of messages that were returned although the broker
	// drops or dead-letters them: neither an override nor a copy could be had.
	Lost    []string
	Elapsed time.Duration
}

// Browse calls each with the messages of a queue, from its head, and gives all of them back. Memory
// does not grow with the number of messages. each may return ErrStop to end the look; the message
// and what it points to may be kept, but not changed.
//
// Messages of a classic or quorum queue are held unacknowledged, in one session after another,
// until the end of the look, and then returned session by session in the order in which they came:
// their order in the queue is as before (fact returns-before-all). Ending ctx, an error of
// each and a failing session all lead there too; only a lost connection leaves it to the broker to
// requeue, and the error wraps consume.ErrLost then. Streams are read by offset up to their end at
// the beginning of the look.
//
// An error that wraps ErrUnsafe says that the look was refused, or ended because a message with too
// little room in the delivery limit was met.
func Browse(ctx context.Context, src consume.Source, o Options,
	each func(*message.Message) error) (Report, error) {
	start := time.Now()
	b := &browser{src: src, o: o.withDefaults(), each: each}
	err := b.run(ctx)
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

// browser is one look.
type browser struct {
	src    consume.Source
	o      Options
	each   func(*message.Message) error
	held   []*holder
	size   sizing
	report Report
	// overLimit says that a message is held that does not survive its return.
	overLimit bool
	// total is how many messages were held in all, returned whether the last of them was in the
	// queue's returns.
	total    int64
	lastID   string
	returned bool
	// extending says that messages are held to keep their order, and not shown; emptied that the
	// queue has no more.
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

// cameSoFar says behind which message a connection was lost: the one after it may be the cause.
func (b *browser) cameSoFar() string {
	if b.total == 0 {
		return "before a message had come"
	}
	return fmt.Sprintf("behind message %d, with id %q", b.total, b.lastID)
}

var errHeld = errors.New("messages were held as long as the broker lets a consumer, and went back; look at fewer " +
	"with -n")

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

// left returns how many messages may still be looked at, and false when there is no bound.
func (b *browser) left() (int64, bool) {
	if b.o.Limit <= 0 {
		return 0, false
	}
	return b.o.Limit - b.report.Seen, true
}

// between says that the held messages end amid those that were returned to a quorum queue before.
//
// A quorum queue keeps returned messages apart, before all others (fact returns-before-all). Taking
// some of them and returning them puts them behind the rest of them. redelivered tells them.
func (b *browser) between() bool {
	return b.o.Assessment.Type == topology.Quorum && b.returned && !b.emptied && (b.o.Expect <= 0 || b.total < b.o.Expect)
}

// maxExtension bounds the messages that are held for the sake of order only.
const maxExtension = 200000

// extend holds what else was returned before, so that all of it goes back together and in order.
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

// holdAll opens one consumer after the other, each with a prefetch of its own, until the queue is
// empty or enough was seen. One at a time, because two would divide the messages between them and
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
		b.emptied = !more && err == nil
		if err != nil || !more {
			return err
		}
	}
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
