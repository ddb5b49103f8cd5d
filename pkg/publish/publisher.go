package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/message"
)

// Defaults for zero fields of PublisherOptions.
const (
	DefaultWindow         = 2048
	DefaultWindowBytes    = 32 << 20
	DefaultConfirmTimeout = 30 * time.Second
)

// forever stands for a negative ConfirmTimeout.
const forever = 100 * 365 * 24 * time.Hour

// ErrClosed is returned by Publish after Close.
var ErrClosed = errors.New("the publisher is closed")

// Limiter limits the rate of messages. *rate.Limiter of golang.org/x/time/rate implements it.
type Limiter interface {
	// Wait returns when one more message may be sent, or with an error when ctx ends first.
	Wait(ctx context.Context) error
}

// Notice is an event of a Publisher that a user may want to see.
type Notice struct {
	Kind NoticeKind
	Err  error
	// Attempt counts from 1. Wait is the pause before that attempt. Both are 0 except for
	// NoticeRetry.
	Attempt int
	Wait    time.Duration
}

// PublisherOptions configure a Publisher. The zero value is usable.
type PublisherOptions struct {
	// Window is the maximum number of messages without an outcome. Default DefaultWindow.
	// WindowBytes is the maximum total size of their bodies. Default DefaultWindowBytes. A message
	// larger than that is still sent, alone.
	Window, WindowBytes int
	// Republish sends messages again that were in flight when the connection was lost. Their
	// outcome is then never Unknown while the connection can be restored, but there may be
	// duplicates: at most Window of them per loss.
	Republish bool
	// ReconnectDelay is the pause before the second attempt to restore a lost connection; the pause
	// before the n-th attempt is n-1 times as long. Default 5 s. ReconnectAttempts is the maximum
	// number of attempts without a single confirm between them. Default 10; a negative value
	// disables reconnecting.
	ReconnectDelay    time.Duration
	ReconnectAttempts int
	// ConfirmTimeout is how long the broker may stay silent about messages in flight, outside an
	// alarm, before the connection counts as lost. Default 30 s; a negative value waits without
	// limit. A broker can lose confirms (fact deleted-queue-unconfirmed).
	ConfirmTimeout time.Duration
	// Limiter limits the rate; nil means no limit.
	Limiter Limiter
	// Notify is called on alarms and lost connections, from one goroutine; it may be nil. It must
	// return quickly.
	Notify func(Notice)
}

// Publisher sends messages with up to a window of them in flight. It reports the outcome of each
// exactly once, in the order of publishing, and restores lost connections.
//
// Confirmed means confirmed and not returned. A message may make the broker close the channel: by a
// missing exchange, a size over the limit, or a foreign user_id. The publisher identifies it among
// those in flight by the broker's text. If the text does not tell, all messages in flight are
// Unknown (or sent again, with Republish). As many of the following messages are sent one at a
// time, so that the next refusal identifies its message. For some seconds, messages that the broker
// would refuse for the same reason are Refused without being sent. So a missing permission does not
// cost a connection per message.
//
// Its methods are safe for concurrent use.
type Publisher[T any] struct {
	dialer Dialer
	o      PublisherOptions
	settle func([]Outcome[T])
	stop   context.CancelFunc
	ended  chan struct{} // closed when no outcome will follow

	sending sync.Mutex // held by whoever hands messages to the channel

	mu       sync.Mutex
	changed  *sync.Cond // signals room, an outcome or the end
	window   window[T]
	channel  Channel // nil while there is none
	seq      uint64  // of the last message handed to channel
	blocked  bool    // by an alarm
	oneByOne int     // how many messages are still sent one at a time
	refusals refusals
	closing  bool
	err      error     // why nothing can be published any more
	heard    time.Time // when the broker last reported on messages in flight, or the first was sent
	settled  int64     // how many outcomes were reported
	given    int64     // how many messages were accepted
	resent   int64     // how many messages were sent that an earlier channel may have sent, too
}

// Open connects, with a single attempt, and returns a publisher. It calls settle with outcomes from
// one goroutine, in the order of Publish. The slice is reused after settle returns. The window does
// not advance while settle runs, and settle must not call the publisher. It fails if the connection
// cannot be opened, or an option is negative.
func Open[T any](ctx context.Context, d Dialer, o PublisherOptions, settle func([]Outcome[T])) (*Publisher[T], error) {
	o.Window = cmp.Or(o.Window, DefaultWindow)
	o.WindowBytes = cmp.Or(o.WindowBytes, DefaultWindowBytes)
	o.ConfirmTimeout = cmp.Or(o.ConfirmTimeout, DefaultConfirmTimeout)
	if o.ConfirmTimeout < 0 {
		o.ConfirmTimeout = forever
	}
	if o.Window < 1 || o.WindowBytes < 1 {
		return nil, fmt.Errorf("open a publisher: a window of %d messages and %d bytes: both must be positive", o.Window,
			o.WindowBytes)
	}
	ch, err := d.Open(ctx)
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Publisher[T]{dialer: d, o: o, settle: settle, stop: stop, ended: make(chan struct{}), channel: ch,
		window: newWindow[T](o.Window)}
	p.changed = sync.NewCond(&p.mu)
	guarded.Go(func() { p.run(run, ch) })
	guarded.Go(p.deliver)
	return p, nil
}

// Publish sends one message, waiting for room in the window. If it returns nil, exactly one outcome
// follows for tag. If it returns an error, none follows: that of ctx, ErrClosed, or the reason why
// the connection could not be restored. m and what it holds must not change until the outcome.
func (p *Publisher[T]) Publish(ctx context.Context, t Target, m *message.Message, tag T) error {
	if p.o.Limiter != nil {
		if err := p.o.Limiter.Wait(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	err := p.wait(ctx, func() bool { return p.err != nil || p.closing || p.room(m) })
	switch {
	case err != nil:
	case p.err != nil:
		err = p.err
	case p.closing:
		err = ErrClosed
	default:
		p.window.push(entry[T]{tag: tag, target: t, message: m})
		p.given++
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.send()
	return nil
}

// InFlight returns the number of messages without an outcome.
func (p *Publisher[T]) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.given - p.settled)
}

// Resent returns the number of messages sent again after a lost connection, which is the maximum
// number of duplicates.
func (p *Publisher[T]) Resent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resent
}

// Flush waits until the outcome of every message published so far has been reported, or until ctx
// ends. The only error is ctx's.
func (p *Publisher[T]) Flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	upTo := p.given
	return p.wait(ctx, func() bool { return p.settled >= upTo })
}

// Close accepts no more messages, waits for outcomes as Flush does, and closes the connection. If
// ctx ends first, messages in flight are reported as Unknown or Unsent before Close returns ctx's
// error.
func (p *Publisher[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	p.changed.Broadcast()
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.stop()
	p.mu.Lock()
	ch := p.channel
	p.mu.Unlock()
	if ch != nil {
		_ = ch.Close() // everything is settled, or given up
	}
	<-p.ended
	return err
}

// wait waits until ok returns true. p.mu is held.
func (p *Publisher[T]) wait(ctx context.Context, ok func() bool) error {
	if ok() {
		return nil
	}
	stop := context.AfterFunc(ctx, guarded.Func(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	}))
	defer stop()
	for !ok() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.changed.Wait()
	}
	return nil
}

func (p *Publisher[T]) room(m *message.Message) bool {
	w := &p.window
	return w.len() == 0 || w.len() < p.o.Window && w.bytes+len(m.Body) <= p.o.WindowBytes
}

func (p *Publisher[T]) notify(n Notice) {
	if p.o.Notify != nil {
		p.o.Notify(n)
	}
}
