package amqp

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Parallel is the maximum number of AMQP methods in progress at once: more are slower (fact
// declarations-in-parallel).
const Parallel = 8

// RecoveringConnection performs AMQP operations in one vhost on the channels of one connection. It
// opens the connection when it is first needed, and again after a loss. It is safe for concurrent
// use.
type RecoveringConnection struct {
	opts  Options
	vhost string
	slots chan struct{} // one per operation under way

	dialling chan struct{} // a mutex whose lock can be abandoned when a context ends
	lone     chan struct{} // the same, for operations that are tried alone

	mu      sync.Mutex
	current *Link
	open    bool // a connection was open once
	done    bool
	over    error // why a lost connection can never be restored
	silent  silence
}

// silence is a broker that let its client wait for nothing. Others do not wait for the same again: a
// command that asks many questions would wait for each of them.
type silence struct {
	err   error
	until time.Time
}

// A silence is remembered for so many times as long as it was waited for, and not longer than
// silenceMax: a broker that restarts is to be found again.
const (
	silenceTimes = 10
	silenceMax   = time.Minute
)

// Recovering returns a RecoveringConnection to a vhost. It dials when it is first used. The caller
// must call Close.
func (c *Client) Recovering(vhost string) *RecoveringConnection {
	return &RecoveringConnection{
		opts: c.opts, vhost: vhost, slots: make(chan struct{}, Parallel),
		dialling: make(chan struct{}, 1), lone: make(chan struct{}, 1),
	}
}

// Ready opens the connection if none is open.
func (c *RecoveringConnection) Ready(ctx context.Context) error { _, err := c.link(ctx); return err }

// WasOpen reports whether a connection was ever established.
func (c *RecoveringConnection) WasOpen() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.open }

// Close closes the connection within two seconds. The RecoveringConnection cannot be used
// afterwards.
func (c *RecoveringConnection) Close() {
	c.mu.Lock()
	l := c.current
	c.current, c.done = nil, true
	c.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// Do runs one operation on a separate channel. The operation must be idempotent: it runs again if
// the connection is lost in the meantime. An exception of the broker is returned unchanged, to the
// operation that caused it.
func (c *RecoveringConnection) Do(ctx context.Context, f func(*amqp091.Channel) error) error {
	if err := enter(ctx, c.slots); err != nil {
		return err
	}
	defer leave(c.slots)
	for lost := 0; ; lost++ {
		l, err := c.link(ctx)
		if err != nil {
			return err
		}
		asked := time.Now()
		err = c.once(ctx, l, f)
		c.noteSilence(ctx, l, err, asked)
		switch what := outcomeOf(l, err); what {
		case outcomeDone:
			return err
		case outcomeFatal:
			return c.alone(ctx, f)
		case outcomeLost, outcomeStale:
			if what == outcomeLost {
				c.drop(l)
			}
			if ctx.Err() != nil || lost+1 >= c.opts.Reconnect.Attempts {
				return refusal.Unreachable("", "the connection to "+c.opts.URL()+" was lost", err)
			}
		}
	}
}

// alone runs operations one at a time, each on a separate connection. Some refusals close the whole
// connection and abort every operation on it (fact refusals-close-connections). Only an operation
// that runs alone is known to be the refused one.
func (c *RecoveringConnection) alone(ctx context.Context, f func(*amqp091.Channel) error) error {
	if err := enter(ctx, c.lone); err != nil {
		return err
	}
	defer leave(c.lone)
	l, err := dial(ctx, c.opts, c.vhost)
	if err != nil {
		return err
	}
	defer l.close()
	err = c.once(ctx, l, f)
	if outcomeOf(l, err) == outcomeLost {
		return refusal.Unreachable("", "the connection to "+c.opts.URL()+" was lost", err)
	}
	return err
}

// once runs f on a channel of l. The library's methods take no context: if ctx ends first, the
// channel is abandoned and never used again.
func (c *RecoveringConnection) once(ctx context.Context, l *Link, f func(*amqp091.Channel) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	result := make(chan error, 1)
	guarded.Go(func() {
		ch, err := c.channel(l)
		if err == nil {
			err = f(ch)
			c.release(l, ch)
		}
		var x *amqp091.Error
		if err == nil || errors.As(err, &x) && x.Server {
			l.answered.Store(true)
		}
		result <- l.because(err)
	})
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return refusal.Unreachable("", "no answer from "+c.opts.URL()+" in time", ctx.Err())
	}
}

func (c *RecoveringConnection) channel(l *Link) (*amqp091.Channel, error) {
	c.mu.Lock()
	if n := len(l.idle); n > 0 {
		ch := l.idle[n-1]
		l.idle = l.idle[:n-1]
		c.mu.Unlock()
		return ch, nil
	}
	c.mu.Unlock()
	return l.conn.Channel()
}

func (c *RecoveringConnection) release(l *Link, ch *amqp091.Channel) {
	if ch.IsClosed() {
		return
	}
	c.mu.Lock()
	l.idle = append(l.idle, ch)
	c.mu.Unlock()
}

// drop forgets a lost connection.
func (c *RecoveringConnection) drop(l *Link) {
	c.mu.Lock()
	if c.current == l {
		c.current = nil
	}
	c.mu.Unlock()
	_ = l.net.Close()
}

// link returns the open connection, or dials one. The first connection gets one attempt; later ones
// get as many as the options allow.
func (c *RecoveringConnection) link(ctx context.Context) (*Link, error) {
	if l, err := c.live(); l != nil || err != nil {
		return l, err
	}
	if err := enter(ctx, c.dialling); err != nil {
		return nil, err
	}
	defer leave(c.dialling)
	if l, err := c.live(); l != nil || err != nil {
		return l, err
	}
	var begin time.Time // of the last attempt
	var l *Link
	err := reconnect.Repeat(ctx, c.opts.Reconnect, c.WasOpen(), func() (err error) {
		begin = time.Now()
		l, err = dial(ctx, c.opts, c.vhost)
		return err
	})
	if err != nil {
		c.noteSilence(ctx, nil, err, begin)
		return nil, c.giveUp(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		l.close()
		return nil, amqp091.ErrClosed
	}
	c.current, c.open = l, true
	return l, nil
}

// noteSilence remembers that the broker did not answer within the timeout. l is nil if there was no
// connection. A broker that refuses or cuts a connection is not silent, and one that has answered
// before on the same connection is only slow.
func (c *RecoveringConnection) noteSilence(ctx context.Context, l *Link, err error, since time.Time) {
	if err == nil || ctx.Err() != nil || time.Since(since) < c.opts.Timeout || l != nil && l.answered.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = silence{err, time.Now().Add(min(silenceTimes*time.Since(since), silenceMax))}
}

// giveUp records that the broker now refuses a login that it accepted before: the user or the vhost
// was deleted. The broker would take three seconds to refuse each further attempt, one operation
// after the other.
func (c *RecoveringConnection) giveUp(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open || !loginRefused(err) {
		return err
	}
	c.over = refusal.Unreachable("", "the connection was lost and cannot be restored, although this login worked before: "+
		err.Error(), err)
	return c.over
}

func (c *RecoveringConnection) live() (*Link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	connected := c.current != nil && !c.current.conn.IsClosed()
	switch {
	case c.over != nil:
		return nil, c.over
	case c.done:
		return nil, amqp091.ErrClosed
	case connected && c.current.answered.Load():
		return c.current, nil
	case time.Now().Before(c.silent.until):
		return nil, c.silent.err
	case connected:
		return c.current, nil
	}
	return nil, nil
}

// outcome is how an operation ended.
type outcome int

const (
	outcomeDone  outcome = iota // it succeeded, or the broker refused only this operation
	outcomeStale                // its channel was closed before it began
	outcomeLost                 // the connection was lost for another reason
	outcomeFatal                // the broker closed the connection because of some operation on it
)

func outcomeOf(l *Link, err error) outcome {
	var e *amqp091.Error
	switch {
	case err == nil, errors.Is(err, topology.ErrUnreachable), errors.Is(err, topology.ErrInUse):
		return outcomeDone
	case !errors.As(err, &e):
		return outcomeLost // a network error
	case e.Server:
		return serverOutcome(e.Code)
	case errors.Is(e, amqp091.ErrClosed) && !l.conn.IsClosed():
		return outcomeStale
	case l.conn.IsClosed():
		return outcomeLost
	case e == amqp091.ErrSyntax, e == amqp091.ErrFieldType, e == amqp091.ErrFrameTooLarge, e == amqp091.ErrChannelMax:
		return outcomeDone // the request cannot be sent
	}
	return outcomeLost
}

// serverOutcome distinguishes channel exceptions (AMQP 0-9-1: soft errors), which concern one
// operation, from connection exceptions.
func serverOutcome(code int) outcome {
	switch code {
	case amqp091.ConnectionForced:
		return outcomeLost // the broker stops, or an operator closes connections
	case amqp091.ContentTooLarge, amqp091.NoRoute, amqp091.NoConsumers, amqp091.AccessRefused, amqp091.NotFound,
		amqp091.ResourceLocked, amqp091.PreconditionFailed:
		return outcomeDone
	}
	return outcomeFatal
}

func isUnreachable(err error) bool { return errors.Is(err, topology.ErrUnreachable) }

// loginRefused reports whether the broker refused the user, or the user's access to the vhost.
func loginRefused(err error) bool {
	return errors.Is(err, topology.ErrNotPermitted) || errors.Is(err, topology.ErrVHostMissing)
}

func enter(ctx context.Context, gate chan struct{}) error {
	select {
	case gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func leave(gate chan struct{}) { <-gate }

// VHost returns the name of the vhost.
func (c *RecoveringConnection) VHost() string { return c.vhost }

// User returns the name of the login.
func (c *RecoveringConnection) User() string { return c.opts.User }

// ServerVersion returns the version that the broker reported, or "" if no connection is open.
func (c *RecoveringConnection) ServerVersion() string {
	l, err := c.live()
	if l == nil || err != nil {
		return ""
	}
	version, _ := l.conn.Properties["version"].(string)
	return version
}
