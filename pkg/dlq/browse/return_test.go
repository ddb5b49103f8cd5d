package browse

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// lostSub is a subscription on a connection that is gone.
type lostSub struct {
	consume.Subscription
	closed int
}

func (*lostSub) Nack(uint64, bool, bool) error { return consume.ErrLost }
func (*lostSub) Settled(context.Context) error { return consume.ErrLost }
func (s *lostSub) Close() error                { s.closed++; return nil }

// holdOne returns a session that holds one message.
func holdOne(sub consume.Subscription) *holder {
	h := &holder{Session: pipeline.NewSession(sub, 1), prefetch: 1}
	_ = h.HoldDelivery(&consume.Delivery{Tag: 1})
	return h
}

// TestLostConnectionIsToldOnce: hundreds of sessions share a connection; that it was lost is one
// error, and all of them are closed.
func TestLostConnectionIsToldOnce(t *testing.T) {
	for _, kind := range []string{topology.Classic, topology.Quorum} {
		b := &browser{o: Options{Assessment: Assessment{Type: kind, Return: ReturnByNack}}}
		var subs []*lostSub
		for range 5 {
			s := &lostSub{}
			subs = append(subs, s)
			b.held = append(b.held, holdOne(s))
		}
		err := b.returnAll(t.Context())
		if !errors.Is(err, consume.ErrLost) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: want the loss once, got: %v", kind, err)
		}
		for i, s := range subs {
			if s.closed == 0 {
				t.Errorf("%s: session %d is still open", kind, i)
			}
		}
	}
}

// lateCounter counts what was there before for a few times, as a queue with a backlog does, and
// then what has come back, too.
type lateCounter struct {
	asked, late   int
	before, after int64
}

func (c *lateCounter) Ready(context.Context, string) (int64, error) {
	if c.asked++; c.asked <= c.late {
		return c.before, nil
	}
	return c.after, nil
}

// returningSub takes everything back.
type returningSub struct{ consume.Subscription }

func (returningSub) Nack(uint64, bool, bool) error { return nil }
func (returningSub) Settled(context.Context) error { return nil }
func (returningSub) Close() error                  { return nil }

// TestReturnedMessagesAreAwaited: a look ends when the queue counts what was returned, or has said
// something else for long enough.
func TestReturnedMessagesAreAwaited(t *testing.T) {
	for _, c := range []struct {
		counter lateCounter
		asked   int
	}{
		{lateCounter{late: 1, before: 7, after: 12}, 2},
		{lateCounter{late: 9, before: 7, after: 12}, 10},
		// somebody has taken one: 20 answers that are the same are believed
		{lateCounter{late: 1, before: 7, after: 11}, 1 + 20},
	} {
		b := &browser{o: Options{Counter: &c.counter, Assessment: Assessment{Type: topology.Classic, Return: ReturnByNack}}}
		for range 5 {
			b.held = append(b.held, holdOne(returningSub{}))
		}
		if err := b.returnAll(t.Context()); err != nil || c.counter.asked != c.asked {
			t.Errorf("%+v: asked %d times, want %d: %v", c.counter, c.counter.asked, c.asked, err)
		}
	}
}
