package pipeline

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/consume"
)

// counting is a subscription that counts what a broker would have sent by now.
type counting struct {
	consume.Subscription
	prefetch, sent, unsettled int64
	acked                     uint64 // by the last acknowledgement with multiple
	single                    map[uint64]bool
	cancelled                 bool
}

func (c *counting) Cancel(context.Context) error { c.cancelled = true; return nil }

func (c *counting) Next(context.Context) (consume.Delivery, error) {
	return consume.Delivery{}, context.Canceled
}

func (c *counting) Ack(tag uint64, multiple bool) error {
	n := int64(1)
	if multiple {
		n = 0
		for t := c.acked + 1; t <= tag; t++ {
			if !c.single[t] {
				n++
			}
		}
		c.acked = tag
	} else {
		c.single[tag] = true
	}
	c.unsettled -= n
	c.send()
	return nil
}

// send delivers as far as the prefetch allows.
func (c *counting) send() {
	if !c.cancelled && c.unsettled < c.prefetch {
		c.sent += c.prefetch - c.unsettled
		c.unsettled = c.prefetch
	}
}

// TestCapBoundsDeliveries: whatever is finished or skipped in which order, the broker sends no more
// than were asked for and skipped, and always what is still asked for.
func TestCapBoundsDeliveries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := int64(rapid.IntRange(1, 60).Draw(t, "limit"))
		prefetch := rapid.IntRange(1, int(limit)).Draw(t, "prefetch")
		sub := &counting{prefetch: int64(prefetch), single: map[uint64]bool{}}
		s := NewSession(sub, prefetch)
		s.Cap(limit)
		sub.send()
		var taken, attempted, skipped int64
		var open []uint64
		finish := func() {
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			s.Done(open[i])
			open = append(open[:i], open[i+1:]...)
			if rapid.Bool().Draw(t, "all") {
				s.FlushAll()
			} else {
				s.Flush()
			}
		}
		for attempted < limit {
			switch {
			case taken == sub.sent && len(open) == 0:
				t.Fatalf("nothing comes, and %d of %d are done, prefetch %d, %d skipped", attempted, limit, prefetch, skipped)
			case len(open) > 0 && (taken == sub.sent || rapid.Bool().Draw(t, "finish")):
				finish()
			case skipped < int64(prefetch)-1 && rapid.IntRange(0, 9).Draw(t, "skip") == 0:
				taken++
				s.Open(uint64(taken))
				s.Hold(uint64(taken))
				s.Grant()
				skipped++
			default:
				taken++
				attempted++
				s.Open(uint64(taken))
				open = append(open, uint64(taken))
			}
			if sub.sent > limit+skipped {
				t.Fatalf("%d were sent: %d were asked for, and %d skipped", sub.sent, limit, skipped)
			}
		}
		for len(open) > 0 {
			finish()
		}
		if err := s.Cancel(t.Context(), s.HoldDelivery); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, _, err := s.Return(ReturnNothing); err != nil || sub.unsettled != skipped || sub.sent != limit+skipped {
			t.Fatalf("%v: %d of %d stay, %d were sent", err, sub.unsettled, skipped, sub.sent)
		}
	})
}
