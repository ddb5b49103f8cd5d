package amqp

import (
	"context"
	"errors"
	"sync"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Parallel is how many AMQP methods are under way at once: with more, 4.3 gets slower
// (measured on two cores).
const Parallel = 8

// Session does AMQP operations in one vhost on the channels of one connection, which it opens when
// needed and restores when it is lost. It is safe for concurrent use.
type Session struct {
	opts  Options
	vhost string
	slots chan struct{} // one per operation under way

	dialling chan struct{} // a mutex that a context can give up on
	lone     chan struct{} // likewise, for operations that are tried alone

	mu      sync.Mutex
	current *Link
	open    bool // a connection was open once
	done    bool
	over    error // why a lost connection cannot be restored, ever
}

// Session returns a session of a vhost. It dials when it is first used. Close it.
func (c *Client) Session(vhost string) *Session { return newSession(c.opts, vhost) }

func newSession(o Options, vhost string) *Session {
	return &Session{
		opts: o, vhost: vhost, slots: make(chan struct{}, Parallel),
		dialling: make(chan struct{}, 1), lone: make(chan struct{}, 1),
	}
}

// Ready makes sure that a connection is open.
func (s *Session) Ready(ctx context.Context) error { _, err := s.link(ctx); return err }

// WasOpen reports whether the session ever had a connection.
func (s *Session) WasOpen() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.open }

// Close ends the connection politely, for at most two seconds. The session cannot be used
// afterwards.
func (s *Session) Close() {
	s.mu.Lock()
	l := s.current
	s.current, s.done = nil, true
	s.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// Do runs one operation on a channel of its own. The operation must be idempotent: it is run again
// when the connection was lost under it. An exception that the broker answers to the operation is
// returned as it came, always to the operation that caused it.
func (s *Session) Do(ctx context.Context, f func(*amqp091.Channel) error) error {
	if err := enter(ctx, s.slots); err != nil {
		return err
	}
	defer leave(s.slots)
	for lost := 0; ; lost++ {
		l, err := s.link(ctx)
		if err != nil {
			return err
		}
		err = s.once(ctx, l, f)
		switch what := outcomeOf(l, err); what {
		case outcomeDone:
			return err
		case outcomeFatal:
			return s.alone(ctx, f)
		case outcomeLost, outcomeStale:
			if what == outcomeLost {
				s.drop(l)
			}
			if ctx.Err() != nil || lost+1 >= s.opts.Reconnect.Attempts {
				return refusal.Unreachable("", "the connection to "+s.opts.URL()+" was lost", err)
			}
		}
	}
}

// alone runs an operation on a connection of its own, one at a time. Some refusals close the whole
// connection (3.10: unknown exchange type; 3.10 and 4.0: a stream's bad max-age) and with it every
// operation under way: alone, the guilty one shows.
func (s *Session) alone(ctx context.Context, f func(*amqp091.Channel) error) error {
	if err := enter(ctx, s.lone); err != nil {
		return err
	}
	defer leave(s.lone)
	l, err := dial(ctx, s.opts, s.vhost)
	if err != nil {
		return err
	}
	defer l.close()
	err = s.once(ctx, l, f)
	if outcomeOf(l, err) == outcomeLost {
		return refusal.Unreachable("", "the connection to "+s.opts.URL()+" was lost", err)
	}
	return err
}

// once runs f on a channel of l. The AMQP library knows no contexts for methods: when ctx ends
// first, the channel is left to its connection and never used again.
func (s *Session) once(ctx context.Context, l *Link, f func(*amqp091.Channel) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		ch, err := s.channel(l)
		if err == nil {
			err = f(ch)
			s.release(l, ch)
		}
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return refusal.Unreachable("", "no answer from "+s.opts.URL()+" in time", ctx.Err())
	}
}

func (s *Session) channel(l *Link) (*amqp091.Channel, error) {
	s.mu.Lock()
	if n := len(l.idle); n > 0 {
		ch := l.idle[n-1]
		l.idle = l.idle[:n-1]
		s.mu.Unlock()
		return ch, nil
	}
	s.mu.Unlock()
	return l.conn.Channel()
}

func (s *Session) release(l *Link, ch *amqp091.Channel) {
	if ch.IsClosed() {
		return
	}
	s.mu.Lock()
	l.idle = append(l.idle, ch)
	s.mu.Unlock()
}

// drop forgets a connection that is lost.
func (s *Session) drop(l *Link) {
	s.mu.Lock()
	if s.current == l {
		s.current = nil
	}
	s.mu.Unlock()
	_ = l.net.Close()
}

// link returns the open connection, dialling if there is none: once if there never was one, else as
// often as the options say.
func (s *Session) link(ctx context.Context) (*Link, error) {
	if l, err := s.live(); l != nil || err != nil {
		return l, err
	}
	if err := enter(ctx, s.dialling); err != nil {
		return nil, err
	}
	defer leave(s.dialling)
	if l, err := s.live(); l != nil || err != nil {
		return l, err
	}
	var l *Link
	err := reconnect.Repeat(ctx, s.opts.Reconnect, s.WasOpen(), func() (err error) {
		l, err = dial(ctx, s.opts, s.vhost)
		return err
	})
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		l.close()
		return nil, amqp091.ErrClosed
	}
	s.current, s.open = l, true
	return l, nil
}

// giveUp remembers that the broker, which took the login before, refuses it now: the user or the
// vhost is gone. Every further attempt would take the broker three seconds to refuse, one operation
// after the other.
func (s *Session) giveUp(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || !loginRefused(err) {
		return err
	}
	s.over = refusal.Unreachable("", "the connection was lost and cannot be restored: "+err.Error(), err)
	return s.over
}

func (s *Session) live() (*Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return nil, s.over
	case s.done:
		return nil, amqp091.ErrClosed
	case s.current == nil || s.current.conn.IsClosed():
		return nil, nil
	}
	return s.current, nil
}

// outcome is what became of an operation.
type outcome int

const (
	outcomeDone  outcome = iota // succeeded, or refused in a way that concerns it alone
	outcomeStale                // its channel was closed before it began
	outcomeLost                 // the connection is gone for reasons of its own
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
		return outcomeDone // what was asked for can't be sent
	}
	return outcomeLost
}

// serverOutcome tells a channel's exceptions (AMQP 0-9-1: soft errors), which concern one
// operation, from a connection's.
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

// loginRefused reports whether the broker answered that it does not let this user in, or not here.
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

// VHost is the vhost's name.
func (s *Session) VHost() string { return s.vhost }

// User is the login.
func (s *Session) User() string { return s.opts.User }

// ServerVersion is what the broker said of itself, "" when there is no connection.
func (s *Session) ServerVersion() string {
	l, err := s.live()
	if l == nil || err != nil {
		return ""
	}
	version, _ := l.conn.Properties["version"].(string)
	return version
}
