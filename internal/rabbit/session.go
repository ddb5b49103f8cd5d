package rabbit

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// channelsPerSession is how many AMQP methods are under way at once: with more, 4.3 gets slower
// (measured on two cores).
const channelsPerSession = 8

// session does AMQP operations in one vhost on the channels of one connection, which it opens when
// needed and restores when it is lost. It is safe for concurrent use.
type session struct {
	opts  Options
	vhost string
	slots chan struct{} // one per operation under way

	dialling chan struct{} // a mutex that a context can give up on
	lone     chan struct{} // likewise, for operations that are tried alone

	mu      sync.Mutex
	current *link
	open    bool // a connection was open once
	done    bool
	over    error // why a lost connection cannot be restored, ever
}

func newSession(o Options, vhost string) *session {
	return &session{
		opts: o, vhost: vhost, slots: make(chan struct{}, channelsPerSession),
		dialling: make(chan struct{}, 1), lone: make(chan struct{}, 1),
	}
}

// ready makes sure that a connection is open.
func (s *session) ready(ctx context.Context) error { _, err := s.link(ctx); return err }

// wasOpen reports whether the session ever had a connection.
func (s *session) wasOpen() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.open }

func (s *session) close() {
	s.mu.Lock()
	l := s.current
	s.current, s.done = nil, true
	s.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// do runs one operation on a channel of its own. The operation must be idempotent: it is run again
// when the connection was lost under it. An exception that the broker answers to the operation is
// returned as it came, always to the operation that caused it.
func (s *session) do(ctx context.Context, f func(*amqp.Channel) error) error {
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
		switch what := fate(l, err); what {
		case fateDone:
			return err
		case fateFatal:
			return s.alone(ctx, f)
		case fateLost, fateStale:
			if what == fateLost {
				s.drop(l)
			}
			if ctx.Err() != nil || lost >= s.opts.ReconnectAttempts {
				return unreachable("", "the connection to "+s.opts.amqpURL()+" was lost", err)
			}
		}
	}
}

// alone runs an operation on a connection of its own, one at a time. Some refusals close the whole
// connection (3.10: unknown exchange type; 3.10 and 4.0: a stream's bad max-age) and with it every
// operation under way: alone, the guilty one shows.
func (s *session) alone(ctx context.Context, f func(*amqp.Channel) error) error {
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
	if fate(l, err) == fateLost {
		return unreachable("", "the connection to "+s.opts.amqpURL()+" was lost", err)
	}
	return err
}

// once runs f on a channel of l. The AMQP library knows no contexts for methods: when ctx ends
// first, the channel is left to its connection and never used again.
func (s *session) once(ctx context.Context, l *link, f func(*amqp.Channel) error) error {
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
		return unreachable("", "no answer from "+s.opts.amqpURL()+" in time", ctx.Err())
	}
}

func (s *session) channel(l *link) (*amqp.Channel, error) {
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

func (s *session) release(l *link, ch *amqp.Channel) {
	if ch.IsClosed() {
		return
	}
	s.mu.Lock()
	l.idle = append(l.idle, ch)
	s.mu.Unlock()
}

// drop forgets a connection that is lost.
func (s *session) drop(l *link) {
	s.mu.Lock()
	if s.current == l {
		s.current = nil
	}
	s.mu.Unlock()
	_ = l.net.Close()
}

// link returns the open connection, dialling if there is none: once if there never was one, else as
// often as the options say.
func (s *session) link(ctx context.Context) (*link, error) {
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
	var l *link
	err := retry(ctx, s.opts, s.wasOpen(), func() (err error) {
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
		return nil, amqp.ErrClosed
	}
	s.current, s.open = l, true
	return l, nil
}

// giveUp remembers that the broker, which took the login before, refuses it now: the user or the
// vhost is gone. Every further attempt would take the broker three seconds to refuse, one operation
// after the other.
func (s *session) giveUp(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || !loginRefused(err) {
		return err
	}
	s.over = unreachable("", "the connection was lost and cannot be restored: "+err.Error(), err)
	return s.over
}

func (s *session) live() (*link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return nil, s.over
	case s.done:
		return nil, amqp.ErrClosed
	case s.current == nil || s.current.conn.IsClosed():
		return nil, nil
	}
	return s.current, nil
}

// fates of an operation.
type opFate int

const (
	fateDone  opFate = iota // succeeded, or refused in a way that concerns it alone
	fateStale               // its channel was closed before it began
	fateLost                // the connection is gone for reasons of its own
	fateFatal               // the broker closed the connection because of some operation on it
)

func fate(l *link, err error) opFate {
	var e *amqp.Error
	switch {
	case err == nil, errors.Is(err, topology.ErrUnreachable), errors.Is(err, topology.ErrInUse):
		return fateDone
	case !errors.As(err, &e):
		return fateLost // a network error
	case e.Server:
		return serverFate(e.Code)
	case errors.Is(e, amqp.ErrClosed) && !l.conn.IsClosed():
		return fateStale
	case l.conn.IsClosed():
		return fateLost
	case e == amqp.ErrSyntax, e == amqp.ErrFieldType, e == amqp.ErrFrameTooLarge, e == amqp.ErrChannelMax:
		return fateDone // what was asked for can't be sent
	}
	return fateLost
}

// serverFate tells a channel's exceptions (AMQP 0-9-1: soft errors), which concern one operation,
// from a connection's.
func serverFate(code int) opFate {
	switch code {
	case amqp.ConnectionForced:
		return fateLost // the broker stops, or an operator closes connections
	case amqp.ContentTooLarge, amqp.NoRoute, amqp.NoConsumers, amqp.AccessRefused, amqp.NotFound, amqp.ResourceLocked, amqp.PreconditionFailed:
		return fateDone
	}
	return fateFatal
}

// refusalsOfAKnownLogin is how often a login or a vhost that was there before is tried again when
// the broker refuses it: one that has just started may not know its users and vhosts for a moment
// (seen on 4.3.6).
const refusalsOfAKnownLogin = 3

// retry calls f once, and when established says so, again after growing pauses: while the broker is
// unreachable as the options say, and a few times when it refuses the login.
func retry(ctx context.Context, o Options, established bool, f func() error) error {
	err := f()
	if !established {
		return err
	}
	refused := 0
	for attempt := 1; attempt <= o.ReconnectAttempts; attempt++ {
		delay := o.ReconnectDelay
		switch {
		case loginRefused(err) && refused < refusalsOfAKnownLogin:
			refused++
			delay = min(delay, time.Second)
		case !errors.Is(err, topology.ErrUnreachable):
			return err
		}
		select {
		case <-ctx.Done():
			return unreachable("", err.Error(), errors.Join(err, ctx.Err()))
		case <-time.After(time.Duration(attempt) * delay):
		}
		err = f()
	}
	return err
}

// loginRefused reports whether the broker answered that it does not let this user in, or not here.
func loginRefused(err error) bool {
	var refusal *apiError
	if errors.As(err, &refusal) {
		return refusal.status == http.StatusUnauthorized
	}
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
