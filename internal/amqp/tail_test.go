package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

type privateQueue struct {
	Name       string
	Exclusive  bool
	AutoDelete bool `json:"auto_delete"`
	Arguments  map[string]any
}

func privateQueues(t *testing.T, v *rabbittest.VHost) (list []privateQueue) {
	t.Helper()
	v.Broker.Admin().Get(t, rabbittest.Path("queues", v.Name)+"?disable_stats=true", &list)
	return list
}

func awaitNoQueues(t *testing.T, v *rabbittest.VHost) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(privateQueues(t, v)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a queue outlives its connection: %v", privateQueues(t, v))
		}
	}
}

// TestTapIsPrivateAndBounded: the queue belongs to its connection, cannot fill the broker or refuse
// a publisher, dead-letters nowhere whatever policy matches, and is gone with the connection.
func TestTapIsPrivateAndBounded(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		narrow := v.AddUser(t, rabbittest.Tags("management"), rabbittest.Permissions("^amq\\.gen", "^amq\\.gen", ".*"))
		ch := v.Channel(t)
		if err := ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		for name, user := range map[string]rabbittest.User{"msgctl.tail.": v.User, "amq.gen-": narrow} {
			subscription, skipped, err := newClient(t, user).Tails(v.Name).Tap(t.Context(),
				[]tail.Bind{{Exchange: "x"}, {Exchange: "gone"}})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !strings.Contains(fmt.Sprint(skipped["gone"]), "gone") || len(skipped) != 1 {
				t.Errorf("%s: skipped %v", name, skipped)
			}
			list := privateQueues(t, v)
			if len(list) != 1 || !strings.HasPrefix(list[0].Name, name) || !list[0].Exclusive || !list[0].AutoDelete {
				t.Fatalf("%s: %+v", name, list)
			}
			a := list[0].Arguments
			if a["x-overflow"] != "drop-head" || a["x-max-length"] != float64(tail.QueueMessages) ||
				a["x-max-length-bytes"] != float64(tail.QueueBytes) {
				t.Errorf("%s: arguments %v", name, a)
			}
			if _, silent := a["x-dead-letter-exchange"]; silent != (name == "msgctl.tail.") {
				t.Errorf("%s: arguments %v", name, a)
			}
			if err := ch.PublishWithContext(t.Context(), "x", "k", true, false,
				amqp091.Publishing{Body: []byte("hello")}); err != nil {
				t.Fatal(err)
			}
			d, err := subscription.Next(t.Context())
			if err != nil || string(d.Body) != "hello" || d.Queue != "" {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
			if n, err := subscription.Waiting(t.Context()); err != nil || n != 0 {
				t.Errorf("%s: %d waiting, %v", name, n, err)
			}
			if n, err := subscription.Purge(t.Context()); err != nil || n != 0 {
				t.Errorf("%s: %d purged, %v", name, n, err)
			}
			if err := subscription.Close(); err != nil {
				t.Error(err)
			}
			awaitNoQueues(t, v)
		}
	})
}

// TestTapPurgeCounts: what is purged and what is handed out is all there was, though it goes on
// coming.
func TestTapPurgeCounts(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		const total = tail.Prefetch + 3000
		v := b.VHost(t)
		ch := v.Channel(t)
		if err := ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		subscription, _, err := newClient(t, v.User).Tails(v.Name).Tap(t.Context(), []tail.Bind{{Exchange: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = subscription.Close() }()
		done := make(chan error, 1)
		go func() {
			for range total {
				if err := ch.PublishWithContext(t.Context(), "x", "k", false, false, amqp091.Publishing{}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		var purged, fetched int64
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for purged+fetched < total {
			n, err := subscription.Purge(ctx)
			if err != nil {
				t.Fatalf("%d purged, %d fetched of %d: %v", purged, fetched, total, err)
			}
			purged += n
			for {
				d, ok := subscription.TryNext()
				if !ok {
					break
				}
				fetched++
				if fetched%500 == 0 && purged > 0 { // until then the queue fills
					if err := subscription.Ack(d.Tag, true); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := <-done; err != nil || purged == 0 || purged+fetched != total {
			t.Errorf("%d purged, %d fetched of %d, %v", purged, fetched, total, err)
		}
	})
}

// TestTapRefused: what is not permitted is explained.
func TestTapRefused(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		if err := v.Channel(t).ExchangeDeclare("x", "topic", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		for want, permissions := range map[string][3]string{
			"watching takes the permissions to configure, write and read queues": {"^$", ".*", ".*"},
			`lacks the permission to read it`:                                    {".*", ".*", "^(msgctl|amq)\\."},
			`but not write to it, which binding takes`:                           {".*", "^amq\\.default$", ".*"},
		} {
			u := v.AddUser(t, rabbittest.Tags(), rabbittest.Permissions(permissions[0], permissions[1], permissions[2]))
			_, _, err := newClient(t, u).Tails(v.Name).Tap(t.Context(), []tail.Bind{{Exchange: "x", Key: "#"}})
			if !errors.Is(err, topology.ErrNotPermitted) || !strings.Contains(err.Error(), want) {
				t.Errorf("permissions %v: %v", permissions, err)
			}
		}
		awaitNoQueues(t, v)
	})
}

// TestPublishersDoNotNoticeTheEnd: subscriptions come and go while somebody publishes with confirms, and no
// message is refused, also when a count of the waiting messages is given up at the end.
func TestPublishersDoNotNoticeTheEnd(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		ch := v.Channel(t)
		if err := ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		declareQueue(t, v, "q", nil)
		if err := ch.QueueBind("q", "", "x", false, nil); err != nil {
			t.Fatal(err)
		}
		p, got := openPublisher(t, newClient(t, v.User), v.Name, publish.PublisherOptions{Window: 200})
		stop := make(chan struct{})
		published := make(chan int)
		go func() {
			n := 0
			for ; ; n++ {
				select {
				case <-stop:
					published <- n
					return
				default:
				}
				if err := p.Publish(t.Context(), publish.Target{Exchange: "x"}, numbered(n), n); err != nil {
					t.Error(err)
				}
			}
		}()
		taps := newClient(t, v.User).Tails(v.Name)
		for range 20 {
			subscription, _, err := taps.Tap(t.Context(), []tail.Bind{{Exchange: "x"}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := subscription.Next(t.Context()); err != nil {
				t.Error(err)
			}
			ended, end := context.WithCancel(t.Context())
			end()
			if _, err := subscription.Waiting(ended); err != nil {
				t.Error(err)
			}
			if err := subscription.Close(); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		n := <-published
		mustClose(t, p)
		if nacked := got.count(publish.Nacked); nacked > 0 || got.count(publish.Confirmed) != n {
			t.Errorf("of %d messages %d were refused, %d confirmed", n, nacked, got.count(publish.Confirmed))
		}
	})
}
