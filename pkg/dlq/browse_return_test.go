package dlq

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// lostSub is a window's subscription on a connection that is gone.
type lostSub struct {
	consume.Subscription
	closed int
}

func (*lostSub) Nack(uint64, bool, bool) error { return consume.ErrLost }
func (*lostSub) Settled(context.Context) error { return consume.ErrLost }
func (s *lostSub) Close() error                { s.closed++; return nil }

// TestLostConnectionIsToldOnce: hundreds of windows share a connection; that it was lost is one error, and all of them are closed.
func TestLostConnectionIsToldOnce(t *testing.T) {
	for _, kind := range []string{topology.Classic, topology.Quorum} {
		b := &browser{o: BrowseOptions{Looking: Looking{Type: kind, Return: ReturnByNack}}}
		var subs []*lostSub
		for range 5 {
			s := &lostSub{}
			subs = append(subs, s)
			b.held = append(b.held, &window{sub: s, last: 1, count: 1})
		}
		err := b.giveBack(t.Context())
		if !errors.Is(err, consume.ErrLost) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: want the loss once, got: %v", kind, err)
		}
		for i, s := range subs {
			if s.closed == 0 {
				t.Errorf("%s: window %d is still open", kind, i)
			}
		}
	}
}
