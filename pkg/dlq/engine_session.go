package dlq

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/settle"
)

// session is one subscription and what it still owes the broker.
type session struct {
	sub      consume.Subscription
	prefetch int

	mu   sync.Mutex
	led  *settle.Ledger
	gone bool
}

func newSession(sub consume.Subscription, prefetch int) *session {
	return &session{sub: sub, prefetch: prefetch, led: settle.NewLedger()}
}

func (s *session) open(tag uint64) {
	s.mu.Lock()
	s.led.Open(tag)
	s.mu.Unlock()
}

// done finishes a delivery; flush acknowledges it.
func (s *session) done(tag uint64) {
	s.mu.Lock()
	s.led.Done(tag)
	s.mu.Unlock()
}

func (s *session) hold(tag uint64) {
	s.mu.Lock()
	s.led.Hold(tag)
	if s.led.Kept()%256 == 0 {
		s.acknowledge()
	}
	s.mu.Unlock()
}

// flush sends the acknowledgements that are due.
func (s *session) flush() {
	s.mu.Lock()
	s.acknowledge()
	s.mu.Unlock()
}

// acknowledge needs the lock, so that acknowledgements leave in the order in which the ledger
// decided them. An error means that the connection is gone, which the reader will find out, too.
func (s *session) acknowledge() {
	multiple, single := s.led.Flush()
	if s.gone {
		return
	}
	s.gone = settle.Send(s.sub, multiple, single) != nil
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

func (s *session) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led.Pending()
}

func (s *session) kept() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led.Kept()
}

// crowded says that what is held leaves too little of the window to work at full speed.
func (s *session) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led.Kept()*2 > int64(s.prefetch)
}

// full says that the broker will deliver nothing more before something is settled.
func (s *session) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led.Kept()+int64(s.led.Pending()) >= int64(s.prefetch)
}

// giveBack sends what is due, and returns what is held with one nack unless a close is to do that.
// It says how many messages the nack returns.
func (s *session) giveBack(by ReturnBy) (returned int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledge()
	last := s.led.LastUnsettled()
	switch {
	case s.gone:
		return 0, consume.ErrLost
	case last == 0 || by != ReturnByNack:
		return 0, nil
	}
	return s.led.Kept(), s.sub.Nack(last, true, true)
}

// settled returns when the broker has applied everything.
func (s *session) settled(ctx context.Context) error {
	s.mu.Lock()
	used := s.led.Last() > 0
	s.mu.Unlock()
	if !used {
		return nil
	}
	return s.sub.Settled(ctx)
}

// abandonPolitely returns by a nack what can still be returned so, because a close counts against a
// delivery limit.
func (s *session) abandonPolitely() {
	s.mu.Lock()
	last := s.led.LastUnsettled()
	s.mu.Unlock()
	if last > 0 {
		_ = s.sub.Nack(last, true, true) // the connection is lost, most likely
	}
	_ = s.sub.Close()
}

// endDeliveries cancels the consumer and reads what was under way, which visit gets.
func (s *session) endDeliveries(ctx context.Context, visit func(*consume.Delivery) error) error {
	if err := s.sub.Cancel(ctx); err != nil {
		return err
	}
	for {
		d, err := s.sub.Next(ctx)
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
