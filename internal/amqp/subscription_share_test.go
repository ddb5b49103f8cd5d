package amqp

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume"
)

// share opens a window beside first, as a look does: on another connection only if that must be.
func share(t *testing.T, first consume.Subscription, o consume.Options) *subscription {
	t.Helper()
	sub, err := first.(*subscription).Share(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	return sub.(*subscription)
}

// end cancels a full window.
func end(t *testing.T, sub consume.Subscription) {
	t.Helper()
	if err := sub.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("after Cancel: %v", err)
	}
}

func TestShare(t *testing.T) {
	for _, kind := range []string{"classic", "quorum"} {
		rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
			v := b.VHost(t)
			c := newClient(t, v.User)
			declareQueue(t, v, "q", amqp091.Table{"x-queue-type": kind})
			load(t, c, v.Name, "q", 12)
			o := consume.Options{Queue: "q", Prefetch: 4, Tag: "window"}
			first := subscribe(t, c, v.Name, o)
			one := hoard(t, first, 4)
			end(t, first)
			second := share(t, first, o)
			two := hoard(t, second, 4)
			end(t, second)
			if second.link != first.(*subscription).link || two[0] != 1 {
				t.Errorf("the second window has its own connection, or tags from %d", two[0])
			}

			interrupted, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := second.Share(interrupted, o); !errors.Is(err, context.Canceled) {
				t.Errorf("Share after an interruption: %v", err)
			}
			if _, err := second.Share(t.Context(), consume.Options{Queue: "absent", Prefetch: 1}); err == nil ||
				errors.Is(err, consume.ErrLost) {
				t.Errorf("a queue that does not exist: %v", err)
			}
			if err := errors.Join(first.Ack(one[3], true), second.Nack(two[3], true, true)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(first.Settled(t.Context()), second.Settled(t.Context())); err != nil {
				t.Error(err)
			}
			_ = first.Close()
			_ = first.Close() // which must not count twice
			eventually(t, func() bool { return ready(t, v, "q") == 8 })
			third := share(t, second, o)
			hoard(t, third, 4)
			_ = second.Close()
			if third.link.conn.IsClosed() {
				t.Error("the connection went with the second of three windows")
			}
			end(t, third)
			_ = third.Close() // and with it the connection
			if !third.link.conn.IsClosed() {
				t.Error("the connection outlives its last window")
			}
			eventually(t, func() bool { return ready(t, v, "q") == 8 })
			fourth := share(t, third, o)
			hoard(t, fourth, 4)
		})
	}
}

func TestShareWithoutAChannelLeft(t *testing.T) {
	b := rabbittest.Brokers(t)[0]
	v := b.VHost(t)
	c := newClient(t, v.User)
	declareQueue(t, v, "q", nil)
	load(t, c, v.Name, "q", 2)
	o := consume.Options{Queue: "q", Prefetch: 1}
	first := subscribe(t, c, v.Name, o).(*subscription)
	hoard(t, first, 1)
	var err error
	for n := 0; err == nil && n < 1<<16; n++ {
		_, err = first.link.conn.Channel()
	}
	if !errors.Is(err, amqp091.ErrChannelMax) {
		t.Fatal(err)
	}
	second := share(t, first, o)
	if hoard(t, second, 1); second.link == first.link {
		t.Error("the same connection")
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so after 10 s")
		}
	}
}
