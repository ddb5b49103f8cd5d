package pipeline

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/consume"
)

// Session is one subscription and the ledger of its deliveries. A delivery is open until it is done
// (to be acknowledged), held (to be returned at the end) or rejected. Work on a delivery may
// outlive the session. Once the session is lost, results of such work are ignored, and the broker
// delivers the message again.
//
// Its methods are safe for concurrent use, except those that receive: see consume.Subscription.
type Session struct {
	// Sub is the subscription. Settle deliveries through the session only.
	Sub consume.Subscription

	prefetch int
	narrow   bool // only one message besides those that stay
	limited  bool // nothing may be in transit when the next session begins

	mu     sync.Mutex
	ledger *ledger
	lost   bool
	idle   *sync.Cond // no delivery is open

	capped      bool
	most        int64  // deliveries that the broker may send
	settledTags int64  // deliveries that the broker no longer counts against the prefetch
	nacked      uint64 // the newest tag that Return has returned
}

// NewSession returns a session for a subscription that has delivered nothing yet.
func NewSession(sub consume.Subscription, prefetch int) *Session {
	s := &Session{Sub: sub, prefetch: prefetch, ledger: newLedger()}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// NewNarrowSession returns a session that takes one message in hand besides those that stay.
func NewNarrowSession(sub consume.Subscription, prefetch int) *Session {
	s := NewSession(sub, prefetch)
	s.narrow = true
	return s
}

// Cap limits how many messages the broker sends in this session. It withholds acknowledgements that
// would let the broker send more, until the consumer has ended. A message that is fetched in vain
// is returned, and a quorum queue may count that as a delivery. Call it before the first delivery.
// The prefetch should not be higher than most. A rejected message is sent again and is not
// withheld.
func (s *Session) Cap(most int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capped, s.most = true, most
}

// Uncap ends the limit of Cap.
func (s *Session) Uncap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capped = false
	s.flush()
}

// Grant raises the limit of Cap by one, for a delivery that turned out not to count.
func (s *Session) Grant() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.capped {
		return
	}
	s.most++
	s.flush()
}

// Spend lowers the limit of Cap by one, for a delivery that counts once more.
func (s *Session) Spend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most--
}

// mayAcknowledge returns how many deliveries may be acknowledged now.
func (s *Session) mayAcknowledge() int64 {
	if !s.capped {
		return math.MaxInt64
	}
	return max(s.most-int64(s.prefetch)-s.settledTags, 0)
}

// flush sends acknowledgements that are due. The caller holds the lock.
func (s *Session) flush() {
	multiple, single, n := s.ledger.flush(s.mayAcknowledge())
	s.settledTags += n
	s.acknowledge(multiple, single)
}

// flushAll is flush for FlushAll.
func (s *Session) flushAll() {
	multiple, single, n := s.ledger.flushAll(s.mayAcknowledge())
	s.settledTags += n
	s.acknowledge(multiple, single)
}

// Narrow reports whether the session takes one message in hand besides those that stay.
func (s *Session) Narrow() bool { return s.narrow }

// Open records a delivery. Calls are in the order of tags.
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

// flushHeld is the number of held deliveries after which due acknowledgements are sent, so that the
// ledger stays small.
const flushHeld = 256

// Hold leaves a delivery unsettled until the end of the session.
func (s *Session) Hold(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.hold(tag)
	if s.ledger.heldCount%flushHeld == 0 {
		s.flush()
	}
	s.signal()
}

// AckHeld acknowledges a held delivery individually and at once.
func (s *Session) AckHeld(tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return consume.ErrLost
	}
	s.flush()
	if err := s.Sub.Ack(tag, false); err != nil {
		return err
	}
	s.ledger.dismiss(tag)
	return nil
}

// rejecter is a subscription that can reject. A quorum queue takes a reject as a failed attempt,
// and a nack as a mere return.
type rejecter interface {
	Reject(tag uint64, requeue bool) error
}

// Reject returns a delivery to its queue as a failed attempt. The reject is sent at once: an
// acknowledgement of later deliveries would include this one.
func (s *Session) Reject(tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		s.lost = s.Sub.(rejecter).Reject(tag, true) != nil
	}
	s.ledger.settled(tag)
	s.settledTags++
	s.signal()
}

func (s *Session) signal() {
	if s.ledger.pending == 0 {
		s.idle.Broadcast()
	}
}

// Flush sends the acknowledgements that are due. A done delivery behind an open one waits for it,
// so that one acknowledgement stands for many.
func (s *Session) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
}

// FlushAll is Flush, but also acknowledges, one by one, the done deliveries behind an open one. It
// is for work that takes so long that others must not wait for it.
func (s *Session) FlushAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushAll()
}

// acknowledge sends acknowledgements. The caller holds the lock, so they leave in the order in
// which the ledger decided them. An error means that the connection is lost, which the reader
// notices as well.
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

// Pending returns the number of open deliveries.
func (s *Session) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.pending
}

// Held returns the number of held deliveries.
func (s *Session) Held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.heldCount
}

// Crowded reports whether held deliveries leave too little of the prefetch for full throughput. With
// a limit, it reports whether they fill the prefetch: the messages of the next session must be the
// next of the queue. What is in transit when a consumer ends may return to the tail (fact
// nacks-without-limit).
func (s *Session) Crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.narrow || s.limited {
		return s.ledger.heldCount >= int64(s.prefetch)
	}
	return s.ledger.heldCount*2 > int64(s.prefetch)
}

// Alone reports whether the broker can have sent at most one message that nobody has seen, while no
// message in hand waits for its effect.
func (s *Session) Alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.pending == 0 && int64(s.prefetch)-s.ledger.heldCount <= 1
}

// Full reports whether the broker delivers nothing more until something is settled.
func (s *Session) Full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.heldCount+int64(s.ledger.pending) >= int64(s.prefetch)
}

// AwaitIdle waits until no delivery is open. It returns the error of ctx if ctx ends first.
func (s *Session) AwaitIdle(ctx context.Context) error {
	stop := context.AfterFunc(ctx, guarded.Func(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.idle.Broadcast()
	}))
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

// Cancel stops deliveries, and calls visit with each delivery that was in transit. An error of
// visit ends it.
func (s *Session) Cancel(ctx context.Context, visit func(*consume.Delivery) error) error {
	if err := s.Sub.Cancel(ctx); err != nil {
		return err
	}
	s.Uncap()
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

// HoldDelivery records a delivery that is not processed. It is a visit function for Cancel.
func (s *Session) HoldDelivery(d *consume.Delivery) error {
	s.Open(d.Tag)
	s.Hold(d.Tag)
	return nil
}

// acknowledged reports whether any delivery of the session is no longer held.
func (s *Session) acknowledged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.ledger.last()) > s.ledger.heldCount
}

// Settled waits until the broker has applied all acknowledgements. It returns an error if that is
// not known.
func (s *Session) Settled(ctx context.Context) error {
	s.mu.Lock()
	used := s.ledger.last() > 0
	s.mu.Unlock()
	if !used {
		return nil
	}
	return s.Sub.Settled(ctx)
}
