package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/consume"
)

// errWiden ends a narrow session, which takes one message in hand.
var errWiden = errors.New("more messages may be in hand again")

// noteLoss records a lost connection. It returns a pipeline.StuckError if one message is the cause;
// everything before that message is settled.
func (d *Dispatcher[T]) noteLoss(s *pipeline.Session, cause error) error {
	stuck := d.losses.Note(reconnect.Loss{
		Place: d.settled.Load(), InHand: d.Prefetch, Lived: time.Since(d.connected), Alone: s.Narrow() && s.Alone(),
	})
	if !stuck {
		return nil
	}
	return &pipeline.StuckError{Queue: d.Queue, Position: 1, Cause: cause}
}

// narrow reports whether only one message may be in hand, because some message ends the connection.
func (d *Dispatcher[T]) narrow() bool { return d.losses.Narrow(d.settled.Load()) }

// readAll reads from a session. When a narrow session has passed the message that ended the
// connection, it continues with a session of the usual prefetch. It returns the last session.
func (d *Dispatcher[T]) readAll(ctx context.Context, s *pipeline.Session) (*pipeline.Session, error) {
	for {
		err := d.read(ctx, s)
		if !errors.Is(err, errWiden) {
			return s, err
		}
		if err = d.leave(ctx, s); err != nil {
			return s, err
		}
		next, err := d.subscribe(ctx)
		if err != nil && pipeline.Transient(err) {
			err = errors.Join(consume.ErrLost, err)
		}
		if err != nil {
			return s, err
		}
		s = next
	}
}

// leave waits until a session has nothing in hand, and closes it.
func (d *Dispatcher[T]) leave(ctx context.Context, s *pipeline.Session) error {
	err := s.Cancel(ctx, func(delivery *consume.Delivery) error {
		d.hand(s, delivery)
		return nil
	})
	if err == nil {
		err = s.AwaitIdle(ctx)
	}
	if err != nil {
		return err
	}
	s.FlushAll()
	if err = s.Settled(ctx); err == nil {
		err = s.Sub.Close()
	}
	return err
}
