package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Defaults for what PublisherOptions leave at zero.
const (
	DefaultWindow         = 2048
	DefaultWindowBytes    = 32 << 20
	DefaultConfirmTimeout = 30 * time.Second
)

// ErrClosed is returned by Publish after Close.
var ErrClosed = errors.New("the publisher is closed")

// Limiter paces messages; *rate.Limiter of golang.org/x/time/rate is one.
type Limiter interface {
	// Wait returns when one more message may go, or with an error when ctx ends first.
	Wait(ctx context.Context) error
}

// Notice is something that happens to a Publisher and that a user may want to see.
type Notice struct {
	Kind    NoticeKind
	Err     error
	Attempt int
	Wait    time.Duration
}

// PublisherOptions say how to publish. The zero value is usable.
type PublisherOptions struct {
	// Window is how many messages may be without outcome at once, default DefaultWindow;
	// WindowBytes how many bytes of bodies, default DefaultWindowBytes. One message larger than
	// that is still sent, alone.
	Window, WindowBytes int
	// Republish sends again what was in flight when the connection was lost, so that the outcome is
	// never Unknown while the connection can be restored, at the price of duplicates: at most
	// Window of them per loss.
	Republish bool
	// ReconnectDelay is the pause before the second attempt to restore a lost connection; before
	// the n-th it is n-1 times as long. Default 5 s. ReconnectAttempts is how often it is tried
	// without a single confirm between, default 10; negative: never.
	ReconnectDelay    time.Duration
	ReconnectAttempts int
	// ConfirmTimeout is how long the broker may say nothing of what is in flight, outside an alarm,
	// before the connection counts as lost. Default 30 s. A broker can forget a confirm: of what is
	// under way to a quorum queue that is deleted, 3.10.8 never says anything.
	ConfirmTimeout time.Duration
	// Limiter bounds the rate; nil does not.
	Limiter Limiter
	// Notify is told of alarms and lost connections, from one goroutine; nil is told nothing. It
	// must return soon.
	Notify func(Notice)
}

// Publisher sends messages with up to a window of them in flight, and tells the outcome of each
// exactly once, in the order in which they were published. It restores lost connections.
//
// What it guarantees: Confirmed means confirmed and not returned. A message that makes the broker
// end the channel (no such exchange, over the size limit, foreign user_id) is told apart from those
// in flight around it by the broker's words; where these do not tell, all in flight are Unknown (or
// sent again, with Republish) and as many messages as that follow one at a time, so that the next
// refusal hits the one at fault. What the broker would refuse for the same reason is not sent for
// some seconds, and Refused as well: a permission that is lacking costs no connection per message.
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
	changed  *sync.Cond // room, an outcome, an end
	window   window[T]
	channel  Channel // nil while there is none
	seq      uint64  // of the last message handed to channel
	blocked  bool    // by an alarm
	oneByOne int     // so many messages still go one at a time
	refusals refusals
	closing  bool
	err      error     // why nothing can be published any more
	heard    time.Time // when the broker last said something of what is in flight, or the first of it was sent
	settled  int64     // how many outcomes were told
	given    int64     // how many messages were accepted
	resent   int64     // how many messages were sent that an earlier channel may have sent, too
}

// Open connects, once, and returns a publisher. settle is called with outcomes from one goroutine,
// in the order of Publish; the slice is reused after it returns. It holds the window up while it
// runs, and must not call the publisher.
func Open[T any](ctx context.Context, d Dialer, o PublisherOptions, settle func([]Outcome[T])) (*Publisher[T], error) {
	o.Window = cmp.Or(o.Window, DefaultWindow)
	o.WindowBytes = cmp.Or(o.WindowBytes, DefaultWindowBytes)
	o.ConfirmTimeout = cmp.Or(o.ConfirmTimeout, DefaultConfirmTimeout)
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
	go p.run(run, ch)
	go p.deliver()
	return p, nil
}

// Publish sends one message, waiting for room in the window. nil means that exactly one outcome
// will follow for tag; an error that none will: ctx ended, ErrClosed, or why the connection could
// not be restored. m and what it holds must not change until the outcome.
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

// InFlight returns how many messages are without outcome.
func (p *Publisher[T]) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.given - p.settled)
}

// Resent returns how many messages were sent again after a lost connection: at most so many
// duplicates may exist.
func (p *Publisher[T]) Resent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resent
}

// Flush waits until the outcome of every message published so far was told, or until ctx ends.
func (p *Publisher[T]) Flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	upTo := p.given
	return p.wait(ctx, func() bool { return p.settled >= upTo })
}

// Close accepts no more messages, waits for outcomes like Flush, and ends the connection. What is
// in flight when ctx ends is told as Unknown or Unsent before Close returns ctx's error.
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

// wait waits for ok with p.mu held.
func (p *Publisher[T]) wait(ctx context.Context, ok func() bool) error {
	if ok() {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	})
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
