package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

// fill puts n confirmed messages into a queue.
func fill(t *testing.T, v *rabbittest.VHost, queue string, n int) {
	t.Helper()
	ch := v.Channel(t)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for range n {
		confirm, err := ch.PublishWithDeferredConfirm("", queue, true, false,
			amqp.Publishing{Body: []byte("x"), DeliveryMode: amqp.Persistent})
		if err != nil || !confirm.Wait() {
			t.Fatal("not confirmed", err)
		}
	}
}

// within waits until ok holds.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", d, what)
		}
	}
}

func exists(t *testing.T, v *rabbittest.VHost, kind, name string) bool {
	t.Helper()
	return v.Client().Exists(t, rabbittest.Path(kind, v.Name, name))
}

var ifIdle = topology.DeleteConditions{IfEmpty: true, IfUnused: true}

func TestGuardedQueues(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, kind := range []string{topology.Classic, topology.Quorum, topology.Stream} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				v := b.VHost(t)
				c := newClient(t, v.User)
				queue := func(name string) *topology.Queue {
					q := &topology.Queue{VHost: v.Name, Name: name, Type: kind, TypeDeclared: true, Durable: true}
					create(t, c, q)
					return q
				}
				full, used, idle := queue("full"), queue("used"), queue("idle")
				fill(t, v, "full", 3)
				ch := v.Channel(t)
				if err := ch.Qos(1, 0, false); err != nil {
					t.Fatal(err)
				}
				if _, err := ch.Consume("used", "", false, false, false, false, nil); err != nil {
					t.Fatal(err)
				}
				if kind == topology.Stream { // AMQP does not count a stream's consumers, and the API is late
					within(t, time.Minute, "the statistics see the consumer", func() bool {
						counts, err := c.api.Totals(t.Context(), v.Name)
						return err == nil && counts[used.Ref()].Consumers == 1
					})
				}
				mustWrap(t, c.Delete(t.Context(), full, ifIdle), topology.ErrInUse, `delete queue "full"`, "messages")
				mustWrap(t, c.Delete(t.Context(), used, ifIdle), topology.ErrInUse, `delete queue "used"`)
				within(t, time.Minute, "the idle queue can be deleted", func() bool {
					err := c.Delete(t.Context(), idle, ifIdle)
					if err != nil && !strings.Contains(err.Error(), "in the state minority") { // 3.10 says so of a busy stream
						t.Fatal(err)
					}
					return err == nil
				})
				if !exists(t, v, "queues", "full") || !exists(t, v, "queues", "used") || exists(t, v, "queues", "idle") {
					t.Error("the wrong queues are left")
				}
				depth, err := rabbittest.CountQueue(v.Channel(t), "full")
				if err != nil || (kind != topology.Stream && depth.Messages != 3) {
					t.Errorf("full has %d messages, %v", depth.Messages, err)
				}
				live := &topology.Live{Status: map[topology.Ref]topology.QueueStatus{idle.Ref(): {Messages: 9}}}
				within(t, time.Minute, "three messages, one consumer", func() bool {
					if err := c.Refine(t.Context(), live, []topology.Ref{full.Ref(), used.Ref(), idle.Ref()}); err != nil {
						t.Fatal(err)
					}
					return live.Status[full.Ref()].Messages == 3 && live.Status[used.Ref()].Consumers == 1
				})
				if _, ok := live.Status[idle.Ref()]; ok {
					t.Error("a queue that is gone has a status")
				}
				waited(c)
				mustWrap(t, c.Delete(t.Context(), full, topology.DeleteConditions{MaxMessages: 2}), topology.ErrInUse, "3 messages",
					"2 may be lost")
				if err := c.Delete(t.Context(), full, topology.DeleteConditions{MaxMessages: 3}); err != nil {
					t.Error(err)
				}
				if err := c.Delete(t.Context(), used, topology.DeleteConditions{MaxMessages: 1}); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// A queue that was emptied a moment ago is empty for the plan and for the deletion, of the queue and
// of its vhost, though the management API still counts its messages.
func TestDeleteWhatWasJustEmptied(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, kind := range []string{topology.Classic, topology.Quorum} {
			for name, empty := range map[string]func(*testing.T, *Client, *topology.Queue) error{
				"plan": func(t *testing.T, c *Client, q *topology.Queue) error {
					live := &topology.Live{}
					err := c.Refine(t.Context(), live, []topology.Ref{q.Ref()})
					if n := live.Status[q.Ref()].Messages; n != 0 {
						t.Errorf("%d messages are at stake", n)
					}
					return err
				},
				"queue": func(t *testing.T, c *Client, q *topology.Queue) error {
					return c.Delete(t.Context(), q, topology.DeleteConditions{})
				},
				"vhost": func(t *testing.T, c *Client, q *topology.Queue) error {
					return c.Delete(t.Context(), &topology.VHost{Name: q.VHost}, ifIdle)
				},
			} {
				t.Run(kind+"/"+name, func(t *testing.T) {
					t.Parallel()
					v := b.VHost(t)
					c := newClient(t, v.User)
					c.settle = 2 * time.Minute // the broker may be overloaded
					q := &topology.Queue{VHost: v.Name, Name: "q", Type: kind, TypeDeclared: true, Durable: true}
					create(t, c, q)
					fill(t, v, "q", 3)
					within(t, time.Minute, "the management API counts three", func() bool {
						total, err := c.api.Totals(t.Context(), v.Name)
						if n := total[q.Ref()].Messages; name != "queue" {
							return err == nil && n == 3
						}
						n, err := c.api.Messages(t.Context(), q)
						return err == nil && n == 3
					})
					if _, err := v.Channel(t).QueuePurge("q", false); err != nil {
						t.Fatal(err)
					}
					if err := empty(t, c, q); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
}

// waited makes a client believe that late counts had their time, where a test has seen that they are
// right.
func waited(c *Client) { c.doubted = time.Now().Add(-time.Hour) }

// The last count, on the channel that deletes, does not depend on the earlier ones.
func TestLastCountBeforeDeletion(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Quorum, TypeDeclared: true, Durable: true}
		create(t, c, q)
		remove := func() error {
			return declare.DeleteQueue(t.Context(), c.connection(v.Name), q, ifIdle)
		}
		ch := v.Channel(t)
		if _, err := ch.Consume("q", "used", false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		mustWrap(t, remove(), topology.ErrInUse, "1 consumer")
		if err := ch.Cancel("used", false); err != nil {
			t.Fatal(err)
		}
		fill(t, v, "q", 2)
		mustWrap(t, remove(), topology.ErrInUse, "2 messages")
		if !exists(t, v, "queues", "q") {
			t.Error("deleted")
		}
	})
}

// Messages that a client holds without consuming are nobody's ready messages, and yet lost with the
// queue.
func TestGuardSeesHeldMessages(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Quorum, TypeDeclared: true, Durable: true}
		create(t, c, q)
		fill(t, v, "q", 1)
		if _, ok, err := v.Channel(t).Get("q", false); err != nil || !ok {
			t.Fatal(ok, err)
		}
		live := &topology.Live{}
		within(t, time.Minute, "one message", func() bool {
			if err := c.Refine(t.Context(), live, []topology.Ref{q.Ref()}); err != nil {
				t.Fatal(err)
			}
			return live.Status[q.Ref()].Messages == 1
		})
		within(t, time.Minute, "the statistics see it", func() bool {
			var stats struct {
				Messages int `json:"messages"`
			}
			v.Client().Get(t, rabbittest.Path("queues", v.Name, "q"), &stats)
			return stats.Messages == 1
		})
		waited(c)
		mustWrap(t, c.Delete(t.Context(), q, ifIdle), topology.ErrInUse, "1 message")
	})
}

func TestGuardsOverTheAPIAlone(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User, noAMQP)
		classic := &topology.Queue{VHost: v.Name, Name: "c", Type: topology.Classic, Durable: true}
		quorum := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Quorum, TypeDeclared: true, Durable: true}
		create(t, c, classic, quorum)
		fill(t, v, "c", 1)
		mustWrap(t, c.Delete(t.Context(), classic, ifIdle), topology.ErrInUse, "holds messages")
		mustWrap(t, c.Delete(t.Context(), quorum, ifIdle), topology.ErrInUse, "over AMQP only")
		if !errors.Is(c.AMQPUnavailable(), topology.ErrUnreachable) {
			t.Errorf("AMQP: %v", c.AMQPUnavailable())
		}
	})
}

func TestGuardedExchangeAndVHost(t *testing.T) {
	transportsOf := map[string]func(*Options){"AMQP": func(*Options) {}, "HTTP": noAMQP}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for name, change := range transportsOf {
			t.Run(name, func(t *testing.T) {
				v := b.VHost(t)
				c := newClient(t, v.User, change)
				x := &topology.Exchange{VHost: v.Name, Name: "x", Type: "direct", Durable: true}
				q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
				bound := &topology.Binding{VHost: v.Name, Source: "x", Destination: "q", DestinationType: topology.ToQueue}
				create(t, c, x, q, bound)
				mustWrap(t, c.Delete(t.Context(), x, topology.DeleteConditions{IfUnused: true}), topology.ErrInUse, "in use")
				fill(t, v, "q", 2)
				vhost := &topology.VHost{Name: v.Name}
				waited(c)
				mustWrap(t, c.Delete(t.Context(), vhost, ifIdle), topology.ErrInUse, "2 messages")
				mustWrap(t, c.Delete(t.Context(), vhost, topology.DeleteConditions{MaxMessages: 1}), topology.ErrInUse,
					"2 messages")
				if err := c.Delete(t.Context(), vhost, topology.DeleteConditions{MaxMessages: 2}); err != nil {
					t.Fatal(err)
				}
				for _, o := range []topology.Object{bound, q, x, vhost} { // all gone with it
					if err := c.Delete(t.Context(), o, ifIdle); err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
}

func TestExclusiveQueueOfAnotherConnection(t *testing.T) {
	transports(t, func(t *testing.T, b *rabbittest.Broker, change func(*Options)) {
		v := b.VHost(t)
		if _, err := v.Channel(t).QueueDeclare("theirs", false, false, true, false, nil); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, v.User, change)
		q := &topology.Queue{VHost: v.Name, Name: "theirs", Type: topology.Classic}
		mustWrap(t, c.Create(t.Context(), q), topology.ErrInUse, "exclusive")
		mustWrap(t, c.Delete(t.Context(), q, ifIdle), topology.ErrInUse, "exclusive")
	})
}

func TestLock(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		name := "orders of " + strings.Repeat("☃", 100)
		first, second := newClient(t, v.User), newClient(t, v.User)
		release, err := first.Lock(t.Context(), "", name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = second.Lock(t.Context(), v.Name, name)
		mustWrap(t, err, topology.ErrLocked, "another apply", "held by", fmt.Sprintf("since %d", time.Now().UTC().Year()))
		if readLive(t, first, Scope{VHosts: []string{v.Name}}).Has(topology.Ref{Kind: topology.KindQueue, VHost: v.Name,
			Name: lockQueue(v.Name, name).Name}) {
			t.Error("the lock is read as a queue")
		}
		if other, err := second.Lock(t.Context(), v.Name, "another topology"); err != nil {
			t.Error(err)
		} else {
			other()
		}
		release()
		release()
		within(t, time.Minute, "the lock is free", func() bool {
			again, err := second.Lock(t.Context(), v.Name, name)
			again()
			return err == nil
		})
		unprivileged := newClient(t, v.AddUser(t, rabbittest.Permissions("^$", "", "")))
		_, err = unprivileged.Lock(t.Context(), v.Name, name)
		mustWrap(t, err, topology.ErrNotPermitted, "set_permissions")
		_, err = newClient(t, v.User, noAMQP).Lock(context.Background(), v.Name, name)
		mustWrap(t, err, topology.ErrUnreachable, "lock topology")
	})
}
