package runner

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/settle"
)

// session is one subscription and what it still owes the broker. Jobs outlive it: what they do to
// it then goes nowhere, and their messages come again.
type session struct {
	sub consume.Subscription

	mu   sync.Mutex
	led  *settle.Ledger
	gone bool
	jobs int // handed on and not finished
	none *sync.Cond
}

func newSession(sub consume.Subscription) *session {
	s := &session{sub: sub, led: settle.NewLedger()}
	s.none = sync.NewCond(&s.mu)
	return s
}

func (s *session) open(tag uint64) {
	s.mu.Lock()
	s.led.Open(tag)
	s.jobs++
	s.mu.Unlock()
}

// done finishes a delivery; flush acknowledges it.
func (s *session) done(tag uint64) { s.finish(tag, (*settle.Ledger).Done) }

// hold leaves a delivery for the end.
func (s *session) hold(tag uint64) { s.finish(tag, (*settle.Ledger).Hold) }

func (s *session) finish(tag uint64, how func(*settle.Ledger, uint64)) {
	s.mu.Lock()
	how(s.led, tag)
	if s.jobs--; s.jobs == 0 {
		s.none.Broadcast()
	}
	s.mu.Unlock()
}

// rejecter is a subscription that can reject, which to a quorum queue says something else than a
// nack: that an attempt has failed.
type rejecter interface {
	Reject(tag uint64, requeue bool) error
}

// reject returns a delivery to its queue for another attempt.
func (s *session) reject(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone {
		// Before any acknowledgement of those behind it, which would take it along.
		s.gone = s.sub.(rejecter).Reject(tag, true) != nil
	}
	s.led.Settled(tag)
	if s.jobs--; s.jobs == 0 {
		s.none.Broadcast()
	}
}

// flush sends the acknowledgements that are due. An error means that the connection is gone, which
// the reader will find out, too.
func (s *session) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if multiple, single := s.led.FlushAll(); !s.gone {
		s.gone = settle.Send(s.sub, multiple, single) != nil
	}
}

func (s *session) isGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

func (s *session) abandon() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

// await waits until no job is under way.
func (s *session) await(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.none.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.jobs > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.none.Wait()
	}
	return nil
}

// unfinished counts the jobs under way.
func (s *session) unfinished() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs
}

// end stops deliveries; what was under way stays in the queue. It says how many that are.
func (s *session) end(ctx context.Context) (returned int64, err error) {
	if err := s.sub.Cancel(ctx); err != nil {
		return 0, err
	}
	for {
		d, err := s.sub.Next(ctx)
		if errors.Is(err, io.EOF) {
			return returned, nil
		}
		if err != nil {
			return returned, err
		}
		s.open(d.Tag)
		s.hold(d.Tag)
		returned++
	}
}

// close settles what is left: it goes back to the queue. When it returns nil, the broker is seen to
// have applied everything.
func (s *session) close(ctx context.Context) error {
	s.flush()
	s.mu.Lock()
	last, gone := s.led.LastUnsettled(), s.gone
	s.mu.Unlock()
	err := error(nil)
	switch {
	case gone:
		err = consume.ErrLost
	case last > 0:
		err = s.sub.Nack(last, true, true)
	}
	if err == nil {
		err = s.sub.Settled(ctx)
	}
	_ = s.sub.Close() // what is left returns with the channel, whatever it answers
	return err
}

// applying is how long the broker has to apply the last acknowledgements before a channel is closed
// whose consumer was not cancelled. A wait is no proof; what it does not suffice for comes again.
const applying = 500 * time.Millisecond

// closeInOrder lets what is left go back to the queue in its order. On a quorum queue that takes a
// close without a cancellation before it: a cancellation returns what is on its way before what is
// in hand, and a nack sends it to the tail on 3.10 (3.10.8, 4.0.5, 4.3.6).
func (s *session) closeInOrder() error {
	s.flush()
	if s.isGone() {
		return consume.ErrLost
	}
	time.Sleep(applying)
	return s.sub.Close()
}
