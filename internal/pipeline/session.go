package pipeline

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
)

// ReturnBy is how messages return to the queue.
type ReturnBy uint8

const (
	// ReturnByNack is one basic.nack with multiple and requeue for each session.
	ReturnByNack ReturnBy = iota
	// ReturnByClose closes the channel. On a quorum queue without a delivery limit, 3.10 and 4.0
	// send nacked messages to the tail; a close puts them back to the head. Both count alike.
	ReturnByClose
	// ReturnNothing is for streams, which are read and not consumed.
	ReturnNothing
)

// Session is one subscription and what it still owes the broker: a ledger of its deliveries. A
// delivery is open until it is done (to be acknowledged), held (to be returned at the end) or
// rejected. Whoever works on a delivery may outlive the session; once that is lost, what they
// report goes nowhere and the broker delivers the message again.
//
// Its methods are safe for concurrent use, except those that receive: see consume.Subscription.
type Session struct {
	// Sub is the subscription. Settle through the session only.
	Sub consume.Subscription

	prefetch int
	narrow   bool // only one message besides those that stay

	mu     sync.Mutex
	ledger *ledger
	lost   bool
	idle   *sync.Cond // no delivery is open
}

// NewSession returns the session of a subscription that has delivered nothing yet.
func NewSession(sub consume.Subscription, prefetch int) *Session {
	s := &Session{Sub: sub, prefetch: prefetch, ledger: newLedger()}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// NewNarrowSession is NewSession for one that takes one message in hand besides those that stay.
func NewNarrowSession(sub consume.Subscription, prefetch int) *Session {
	s := NewSession(sub, prefetch)
	s.narrow = true
	return s
}

// Narrow reports whether the session takes one message in hand besides those that stay.
func (s *Session) Narrow() bool { return s.narrow }

// Open records a delivery, in the order of tags.
func (s *Session) Open(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.open(tag)
}

// Done finishes a delivery; Flush acknowledges it.
func (s *Session) Done(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.done(tag)
	s.signal()
}

// flushHeld is after how many held deliveries the due acknowledgements are sent, so that the ledger
// stays small.
const flushHeld = 256

// Hold leaves a delivery unsettled until the end of the session.
func (s *Session) Hold(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.hold(tag)
	if s.ledger.heldCount%flushHeld == 0 {
		s.acknowledge(s.ledger.flush())
	}
	s.signal()
}

// AckHeld acknowledges a held delivery at once and individually.
func (s *Session) AckHeld(tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return consume.ErrLost
	}
	s.acknowledge(s.ledger.flush())
	if err := s.Sub.Ack(tag, false); err != nil {
		return err
	}
	s.ledger.dismiss(tag)
	return nil
}

// rejecter is a subscription that can reject. A quorum queue takes a reject for a failed attempt,
// and a nack for a mere return.
type rejecter interface {
	Reject(tag uint64, requeue bool) error
}

// Reject returns a delivery to its queue as a failed attempt. It is sent at once: an
// acknowledgement of later deliveries would include this one.
func (s *Session) Reject(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		s.lost = s.Sub.(rejecter).Reject(tag, true) != nil
	}
	s.ledger.settled(tag)
	s.signal()
}

func (s *Session) signal() {
	if s.ledger.pending == 0 {
		s.idle.Broadcast()
	}
}

// Flush sends the acknowledgements that are due. What is done behind an open delivery waits for
// that, so that one acknowledgement stands for many.
func (s *Session) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledge(s.ledger.flush())
}

// FlushAll also acknowledges, one by one, what is done behind an open delivery: for work that takes
// so long that others must not wait for it.
func (s *Session) FlushAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledge(s.ledger.flushAll())
}

// acknowledge is called with the lock held, so that acknowledgements leave in the order in which
// the ledger decided them. An error means that the connection is gone, which the reader finds out,
// too.
func (s *Session) acknowledge(multiple uint64, single []uint64) {
	if s.lost {
		return
	}
	if multiple > 0 {
		s.lost = s.Sub.Ack(multiple, true) != nil
	}
	for _, tag := range single {
		if s.lost {
			return
		}
		s.lost = s.Sub.Ack(tag, false) != nil
	}
}

// Lost reports whether the connection is known to be lost.
func (s *Session) Lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// MarkLost stops acknowledgements: the broker delivers everything unsettled again.
func (s *Session) MarkLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

// Pending counts open deliveries.
func (s *Session) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.pending
}

// Held counts held deliveries.
func (s *Session) Held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.heldCount
}

// Crowded reports whether held deliveries leave too little of the prefetch for full throughput.
func (s *Session) Crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.narrow {
		return s.ledger.heldCount >= int64(s.prefetch)
	}
	return s.ledger.heldCount*2 > int64(s.prefetch)
}

// Alone reports whether the broker can have sent one message at most that nobody has seen, and
// nothing in hand waits for its effect.
func (s *Session) Alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.pending == 0 && int64(s.prefetch)-s.ledger.heldCount <= 1
}

// Full reports whether the broker delivers nothing more before something is settled.
func (s *Session) Full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.heldCount+int64(s.ledger.pending) >= int64(s.prefetch)
}

// AwaitIdle waits until no delivery is open.
func (s *Session) AwaitIdle(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.idle.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ledger.pending > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.idle.Wait()
	}
	return nil
}

// Cancel stops deliveries, and calls visit with those that were in transit.
func (s *Session) Cancel(ctx context.Context, visit func(*consume.Delivery) error) error {
	if err := s.Sub.Cancel(ctx); err != nil {
		return err
	}
	for {
		d, err := s.Sub.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(&d); err != nil {
			return err
		}
	}
}

// HoldDelivery records a delivery that will not be processed. It is a visit function for Cancel.
func (s *Session) HoldDelivery(d *consume.Delivery) error {
	s.Open(d.Tag)
	s.Hold(d.Tag)
	return nil
}

// Return sends what is due, and returns what is not done with one nack, unless closing is to do
// that. returned is how many messages the nack returns.
func (s *Session) Return(by ReturnBy) (returned int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledge(s.ledger.flushAll())
	last := s.ledger.lastUnsettled()
	switch {
	case s.lost:
		return 0, consume.ErrLost
	case last == 0 || by != ReturnByNack:
		return 0, nil
	}
	return s.ledger.heldCount, s.Sub.Nack(last, true, true)
}

// acknowledged reports whether any delivery of the session is no longer held.
func (s *Session) acknowledged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.ledger.last()) > s.ledger.heldCount
}

// Settled returns when the broker has applied all acknowledgements.
func (s *Session) Settled(ctx context.Context) error {
	s.mu.Lock()
	used := s.ledger.last() > 0
	s.mu.Unlock()
	if !used {
		return nil
	}
	return s.Sub.Settled(ctx)
}

// ReturnAndClose is for a session that is lost, as far as known: what can still be returned by
// a nack is, because a close counts against a delivery limit.
func (s *Session) ReturnAndClose() {
	s.mu.Lock()
	last := s.ledger.lastUnsettled()
	s.mu.Unlock()
	if last > 0 {
		_ = s.Sub.Nack(last, true, true) // the connection is gone, most likely
	}
	_ = s.Sub.Close()
}

// applyTime is how long the broker has to apply the last acknowledgements before CloseInOrder
// closes a channel whose consumer was not cancelled. A wait is no proof; what it is too short for
// is delivered again.
const applyTime = 500 * time.Millisecond

// CloseInOrder returns what is not done in the queue's order. On a quorum queue that takes a close
// without a cancellation before it: a cancellation returns what is on its way before what is in
// hand, and 3.10 sends what is nacked to the tail.
func (s *Session) CloseInOrder() error {
	s.FlushAll()
	if s.Lost() {
		return consume.ErrLost
	}
	time.Sleep(applyTime)
	return s.Sub.Close()
}
