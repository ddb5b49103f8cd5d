package amqp

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/publish"
)

// TestOnANodeOfItsOwn has what would disturb others, on one node of each line: a start takes
// seconds.
func TestOnANodeOfItsOwn(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		t.Run("settled waits for a busy leader", func(t *testing.T) { settledWaitsForABusyLeader(t, n) })
		t.Run("alarm stops publishing and nothing else", func(t *testing.T) { alarmStopsPublishingAndNothingElse(t, n) })
	})
}

// alarmStopsPublishingAndNothingElse: acknowledgements on the other connection go on, and what
// waited goes when the alarm is over.
func alarmStopsPublishingAndNothingElse(t *testing.T, n *node.Node) {
	v := rabbittest.Of(n).VHost(t)
	c := newClient(t, v.User)
	declareQueue(t, v, "from", nil)
	declareQueue(t, v, "to", nil)
	load(t, c, v.Name, "from", 100)
	var blocked, unblocked atomic.Int32
	p, got := openPublisher(t, c, v.Name, publish.PublisherOptions{Window: 10, Notify: func(n publish.Notice) {
		switch n.Kind {
		case publish.NoticeBlocked:
			blocked.Add(1)
		case publish.NoticeUnblocked:
			unblocked.Add(1)
		}
	}})
	sub := subscribe(t, c, v.Name, consume.Options{Queue: "from", Prefetch: 100})
	tags := hoard(t, sub, 100)
	if err := n.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; ; sent++ {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := p.Publish(ctx, publish.Target{Key: "to"}, numbered(sent), sent)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && blocked.Load() == 0 {
			sent-- // the broker has not said it yet
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if blocked.Load() != 1 || sent != 10+len(got.order) {
		t.Errorf("blocked %d times, %d sent, %d confirmed with a window of 10", blocked.Load(), sent, len(got.order))
	}
	if err := sub.Ack(tags[99], true); err != nil {
		t.Fatal(err)
	}
	if err := sub.Settled(t.Context()); err != nil {
		t.Errorf("acknowledgements stall: %v", err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if left := ready(t, v, "from"); left != 0 {
		t.Errorf("%d of the acknowledged came back", left)
	}
	if err := n.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	mustClose(t, p)
	got.exactlyOne(t, sent)
	if got.count(publish.Confirmed) != sent || unblocked.Load() != 1 || ready(t, v, "to") != sent {
		t.Errorf("%d of %d confirmed, unblocked %d times, %d in the queue", got.count(publish.Confirmed), sent,
			unblocked.Load(), ready(t, v, "to"))
	}
}
