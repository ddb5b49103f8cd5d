package browse_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// fill publishes n messages with the ids 0, 1, ... to a queue.
func fill(t testing.TB, ch *amqp.Channel, queue string, n int, change func(i int, p *amqp.Publishing)) {
	t.Helper()
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	var last *amqp.DeferredConfirmation
	for i := range n {
		p := amqp.Publishing{MessageId: fmt.Sprint(i), Body: []byte("body"), Headers: amqp.Table{"n": int64(i)},
			DeliveryMode: amqp.Persistent}
		if change != nil {
			change(i, &p)
		}
		var err error
		if last, err = ch.PublishWithDeferredConfirm("", queue, false, false, p); err != nil {
			t.Fatal(err)
		}
	}
	if !last.Wait() {
		t.Fatal("the broker refused a message")
	}
}

// drained takes everything out of a queue and returns it, in order.
func drained(t *testing.T, v *rabbittest.VHost, queue string) []amqp.Delivery {
	t.Helper()
	ch := v.Channel(t)
	in, err := ch.Consume(queue, "drain", true, false, false, false, nil)
	must(t, err)
	var list []amqp.Delivery
	for {
		select {
		case m, ok := <-in:
			if !ok { // cancelled, and what was under way is here
				return list
			}
			list = append(list, m)
		case <-time.After(200 * time.Millisecond):
			q, err := rabbittest.CountQueue(ch, queue)
			must(t, err)
			if q.Messages == 0 && q.Consumers > 0 { // without consumers: a quorum queue's leader is busy and did not answer
				must(t, ch.Cancel("drain", false))
			}
		}
	}
}

// awaitReady waits until n messages are ready in a queue.
func awaitReady(t *testing.T, ch *amqp.Channel, queue string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		q, err := rabbittest.CountQueue(ch, queue)
		must(t, err)
		if q.Messages == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("queue %s has %d ready messages, want %d", queue, q.Messages, n)
		}
	}
}

func ids(list []amqp.Delivery) string {
	var s []string
	for _, m := range list {
		s = append(s, m.MessageId)
	}
	return strings.Join(s, " ")
}

func numbers(from, to int) string {
	var s []string
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return strings.Join(s, " ")
}

// assess judges a queue as msgctl would, from what it reads of the broker.
func assess(t *testing.T, c *broker.Client, vhost, queue string, o browse.AssessOptions) browse.Assessment {
	t.Helper()
	live := brokertest.ReadLive(t, c, vhost)
	f, err := browse.FactsOf(live, discover.Live(live, discover.Options{}), vhost, queue)
	must(t, err)
	if n, ok := liveDepth(t, c, vhost, queue); ok {
		f.Status.Messages, f.Status.Known = n, true
	}
	return browse.Assess(f, o)
}

// liveDepth asks for the present counts: those of the management API come late.
func liveDepth(t *testing.T, c *broker.Client, vhost, queue string) (int64, bool) {
	t.Helper()
	live := brokertest.ReadLive(t, c, vhost)
	ref := topology.Ref{Kind: topology.KindQueue, VHost: vhost, Name: queue}
	must(t, c.Refine(t.Context(), live, []topology.Ref{ref}))
	s := live.Status[ref]
	return s.Messages, s.Known
}

// browseCounter asks over AMQP, as msgctl does.
type browseCounter struct{ ch *amqp.Channel }

func (c browseCounter) Ready(_ context.Context, queue string) (int64, error) {
	q, err := rabbittest.CountQueue(c.ch, queue)
	return int64(q.Messages), err
}

type seen struct{ ids []string }

func (s *seen) each(m *message.Message) error { s.ids = append(s.ids, m.MessageID); return nil }

func (s *seen) String() string { return strings.Join(s.ids, " ") }

type harmless struct {
	name string
	args amqp.Table
	set  func(i int, p *amqp.Publishing)
	// refusedAfter says that the look must be refused at the latest after so many; 0 never, 1 at
	// once.
	refusedAfter int
}

const harmlessMessages = 30

func harmlessShapes(line string) []harmless {
	quorum := func(more amqp.Table) amqp.Table {
		a := amqp.Table{"x-queue-type": "quorum"}
		for k, x := range more {
			a[k] = x
		}
		return a
	}
	list := []harmless{
		{name: "classic"},
		{name: "classic with a length limit far away", args: amqp.Table{"x-max-length": int64(1000)}},
		{name: "classic and full", args: amqp.Table{"x-max-length": int64(harmlessMessages)}, refusedAfter: 1},
		{name: "classic, full, reject-publish", args: amqp.Table{"x-max-length": int64(harmlessMessages),
			"x-overflow": "reject-publish"}},
		{name: "classic, some messages expire one day", set: func(i int, p *amqp.Publishing) {
			if i%3 == 0 {
				p.Expiration = "600000"
			}
		}},
		{name: "classic with a queue TTL", args: amqp.Table{"x-message-ttl": int64(600000)}},
		{name: "classic with priorities", args: amqp.Table{"x-max-priority": int64(5)}},
		{name: "classic with a single active consumer", args: amqp.Table{"x-single-active-consumer": true}},
		{name: "stream", args: amqp.Table{"x-queue-type": "stream"}},
		{name: "quorum and full", args: quorum(amqp.Table{"x-max-length": int64(harmlessMessages)}), refusedAfter: 1},
	}
	switch line {
	case "3.10":
		list = append(list, harmless{name: "quorum", args: quorum(nil)},
			harmless{name: "quorum with a limit", args: quorum(amqp.Table{"x-delivery-limit": int64(20)}), refusedAfter: 20})
	case "4.0":
		list = append(list, harmless{name: "quorum", args: quorum(nil), refusedAfter: 20},
			harmless{name: "quorum without a limit", args: quorum(amqp.Table{"x-delivery-limit": int64(-1)})})
	default:
		list = append(list, harmless{name: "quorum", args: quorum(nil)},
			harmless{name: "quorum without a limit", args: quorum(amqp.Table{"x-delivery-limit": int64(-1)})},
			harmless{name: "quorum with delayed retry", args: quorum(amqp.Table{"x-delayed-retry-type": "all",
				"x-delayed-retry-min": int64(60000), "x-delayed-retry-max": int64(60000)}), refusedAfter: 1})
	}
	return list
}

// After a hundred looks, at all and at some of the messages, the queue is as before, or looking was
// refused.
func TestBrowsingDoesNoHarm(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, s := range harmlessShapes(b.Line) {
			t.Run(s.name, func(t *testing.T) { browseHundredTimes(t, b, s) })
		}
	})
}

func browseHundredTimes(t *testing.T, b *rabbittest.Broker, s harmless) {
	v := b.VHost(t)
	ch := v.Channel(t)
	declareQueues(t, ch, s.args, "q")
	fill(t, ch, "q", harmlessMessages, s.set)
	c := brokertest.Connect(t, v.User)
	l := assess(t, c, v.Name, "q", browse.AssessOptions{})
	refused := 0
	look := func(i int, counter browse.Counter) error {
		limit := int64(harmlessMessages)
		if i%3 == 1 {
			limit = 7
		}
		var got seen
		r, err := browse.Browse(t.Context(), c.Source(v.Name),
			browse.Options{Assessment: l, Counter: counter, Limit: limit, Expect: harmlessMessages,
				Idle: 900 * time.Millisecond}, got.each)
		if err == nil && got.String() != numbers(0, int(limit)) {
			err = fmt.Errorf("look %d saw %s (%+v)", i, &got, r)
		}
		return err
	}
	if s.args["x-queue-type"] == "stream" { // each waits for the stream's end, and they do not disturb each other
		var g errgroup.Group
		g.SetLimit(20)
		for i := range 100 {
			g.Go(func() error { return look(i+1, nil) })
		}
		must(t, g.Wait())
	} else {
		counter := browseCounter{v.Channel(t)}
		for i := 1; i <= 100 && refused == 0; i++ {
			if err := look(i, counter); errors.Is(err, browse.ErrUnsafe) {
				refused = i
			} else {
				must(t, err)
			}
		}
	}
	if (refused == 0) != (s.refusedAfter == 0) || refused > s.refusedAfter {
		t.Errorf("refused at look %d, want %d: %v", refused, s.refusedAfter, l.Err())
	}
	if s.args["x-queue-type"] == "stream" {
		var got seen
		_, err := browse.Browse(t.Context(), c.Source(v.Name),
			browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}},
			got.each)
		if must(t, err); got.String() != numbers(0, harmlessMessages) {
			t.Errorf("the stream has %s", &got)
		}
		return
	}
	checkUnharmed(t, drained(t, v, "q"), s)
}

func checkUnharmed(t *testing.T, after []amqp.Delivery, s harmless) {
	t.Helper()
	if s.refusedAfter > 1 { // the message by which the look was refused is behind the others then, which the error says
		slices.SortFunc(after, func(a, b amqp.Delivery) int {
			return cmp.Compare(a.Headers["n"].(int64),
				b.Headers["n"].(int64))
		})
	}
	if got := ids(after); got != numbers(0, harmlessMessages) {
		t.Fatalf("the queue has %s", got)
	}
	for i, m := range after {
		want := amqp.Publishing{MessageId: fmt.Sprint(i), Body: []byte("body")}
		if s.set != nil {
			s.set(i, &want)
		}
		count, _ := message.AsInt(m.Headers["x-delivery-count"])
		if n, _ := message.AsInt(m.Headers["n"]); int(n) != i || m.Expiration != want.Expiration || string(m.Body) != "body" {
			t.Errorf("message %d is %s with %v, expiration %q", i, m.MessageId, m.Headers, m.Expiration)
		}
		if s.refusedAfter > 1 && count > 11 {
			t.Errorf("message %d has a count of %d: nothing is left to consumers", i, count)
		}
	}
}

// killed fills a quorum queue with messages that the default delivery limit killed elsewhere: they
// come with a count over the limit on 4.3, where a single unguarded return is their end.
func killed(t *testing.T, v *rabbittest.VHost, n int) {
	t.Helper()
	ch := v.Channel(t)
	declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum"}, "dead")
	declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum", "x-dead-letter-exchange": "",
		"x-dead-letter-routing-key": "dead"}, "work")
	fill(t, ch, "work", n, nil)
	for done := 0; done < n; {
		m, ok, err := ch.Get("work", false)
		must(t, err)
		if !ok {
			break
		}
		must(t, m.Reject(true))
	}
	for range 1200 {
		if q, err := rabbittest.CountQueue(ch, "dead"); err == nil && q.Messages == n {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the delivery limit did not kill the messages")
}

// liveStore asks for a queue's policies without statistics, which come up to 10 s late (seen on
// 4.0.5 and 4.3.6).
type liveStore struct {
	*broker.Client
	v *rabbittest.VHost
}

func (s liveStore) Applied(_ context.Context, vhost, queue string) (string, string, error) {
	var q struct {
		Policy   string `json:"policy"`
		Operator string `json:"operator_policy"`
	}
	err := s.v.Client().Do("GET", rabbittest.Path("queues", vhost, queue)+"?disable_stats=true&enable_queue_totals=true",
		nil, &q)
	return q.Policy, q.Operator, err
}

func overrideFor(t *testing.T, c *broker.Client, v *rabbittest.VHost, queue string) *browse.PolicyOverride {
	t.Helper()
	live := brokertest.ReadLive(t, c, v.Name)
	p, err := browse.OverridePolicies(&live.State, v.Name, queue, live.Server.Version, time.Now())
	must(t, err)
	return browse.NewPolicyOverride(liveStore{c, v}, queue, p)
}

// Dead letters that the delivery limit killed are refused on 4.3, and with an override they are
// looked at as often as one likes.
func TestOverrideKeepsKilledMessages(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		if b.Line == "3.10" {
			return // no default limit, and no way to lift one
		}
		v := b.VHost(t)
		killed(t, v, 5)
		c := brokertest.Connect(t, v.User)
		l := assess(t, c, v.Name, "dead", browse.AssessOptions{})
		if (l.Refused != "") != (b.Line == "4.3") {
			t.Fatalf("refused: %q", l.Refused)
		}
		l = assess(t, c, v.Name, "dead", browse.AssessOptions{Override: true})
		for i := range 5 {
			var got seen
			r, err := browse.Browse(t.Context(), c.Source(v.Name),
				browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)},
					Limit: int64(3 + i%3), Expect: 5, Override: overrideFor(t, c, v, "dead")}, got.each)
			must(t, err)
			if got.String() != numbers(0, 3+i%3) || !r.Overridden || r.Lost != nil || r.Kept != 0 {
				t.Fatalf("look %d saw %s: %+v", i, &got, r)
			}
		}
		checkLowered(t, c, v.Name)
		if got := ids(drained(t, v, "dead")); got != numbers(0, 5) {
			t.Errorf("the queue has %s", got)
		}
	})
}

// checkLowered waits a moment: 4.0.5 was seen to list a policy just after it had answered its
// deletion.
func checkLowered(t *testing.T, c *broker.Client, vhost string) {
	t.Helper()
	var left []browse.LiftedLimit
	for range 600 {
		if left = browse.LiftedLimits(&brokertest.ReadLive(t, c, vhost).State); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%d overrides are left: %s", len(left), left[0])
}

// A message that would not survive its return is met although nothing foretold it: the override
// saves it, or a copy does.
func TestMessagesOverTheLimitAreKept(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		if b.Line != "4.3" {
			return
		}
		for _, way := range []string{"override", "copy", "none"} {
			t.Run(way, func(t *testing.T) {
				v := b.VHost(t)
				killed(t, v, 3)
				c := brokertest.Connect(t, v.User)
				l := assess(t, c, v.Name, "dead", browse.AssessOptions{})
				l.Refused, l.Room = "", &browse.Room{Limit: 20}
				o := browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}, Expect: 3}
				want := "0 1 2"
				switch way {
				case "override":
					o.Override = overrideFor(t, c, v, "dead")
				case "copy":
					ch := v.Channel(t)
					o.Keep = func(_ context.Context, m *message.Message) error {
						must(t, ch.Confirm(false))
						p, err := ch.PublishWithDeferredConfirm("", "dead", true, false,
							amqp.Publishing{MessageId: m.MessageID, Body: m.Body})
						must(t, err)
						p.Wait()
						return nil
					}
					want = "1 2 0"
				case "none":
					want = "1 2"
				}
				var got seen
				r, err := browse.Browse(t.Context(), c.Source(v.Name), o, got.each)
				if !errors.Is(err, browse.ErrUnsafe) || got.String() != "0" {
					t.Errorf("saw %s and %v", &got, err)
				}
				if (way == "none") != slices.Equal(r.Lost, []string{"0"}) {
					t.Errorf("told to be lost: %q", r.Lost)
				}
				if got := ids(drained(t, v, "dead")); got != want {
					t.Errorf("the queue has %s, want %s: %+v", got, want, r)
				}
			})
		}
	})
}

// An interrupted look, and one whose callback fails, give everything back uncounted and in order.
func TestInterruptedBrowsingReturnsMessages(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, kind := range []string{"classic", "quorum"} {
			v := b.VHost(t)
			ch := v.Channel(t)
			declareQueues(t, ch, amqp.Table{"x-queue-type": kind}, "q")
			fill(t, ch, "q", 3000, nil)
			c := brokertest.Connect(t, v.User)
			l := assess(t, c, v.Name, "q", browse.AssessOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			_, err := browse.Browse(ctx, c.Source(v.Name), browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}},
				func(*message.Message) error {
					if n++; n == 1000 {
						cancel()
					}
					return nil
				})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: interrupted with %v", kind, err)
			}
			n = 0
			broken := errors.New("broken")
			r, err := browse.Browse(t.Context(), c.Source(v.Name),
				browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}}, func(*message.Message) error {
					if n++; n == 700 {
						return broken
					}
					return nil
				})
			if !errors.Is(err, broken) || r.Seen != 700 {
				t.Errorf("%s: %+v with %v", kind, r, err)
			}
			after := drained(t, v, "q")
			if ids(after) != numbers(0, 3000) {
				t.Errorf("%s: the order changed, %d messages", kind, len(after))
			}
			if count, _ := message.AsInt(after[0].Headers["x-delivery-count"]); count > 0 && b.Line == "4.3" {
				t.Errorf("%s: counted %d", kind, count)
			}
		}
	})
}

// Sessions of every size together show each message once, in order, and give all back in order.
func TestSessionsKeepTheOrder(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, kind := range []string{"classic", "quorum"} {
			v := b.VHost(t)
			ch := v.Channel(t)
			declareQueues(t, ch, amqp.Table{"x-queue-type": kind}, "q")
			fill(t, ch, "q", 5000, nil)
			c := brokertest.Connect(t, v.User)
			l := assess(t, c, v.Name, "q", browse.AssessOptions{})
			var got seen
			r, err := browse.Browse(t.Context(), c.Source(v.Name),
				browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}, Memory: 256 << 10}, got.each)
			must(t, err)
			if got.String() != numbers(0, 5000) || r.Sessions < 20 || r.Returned != 5000 {
				t.Errorf("%s: saw %d messages, %+v", kind, len(got.ids), r)
			}
			if after := ids(drained(t, v, "q")); after != numbers(0, 5000) {
				t.Errorf("%s: the order changed: %.200s", kind, after)
			}
		}
	})
}

// A lost connection is told, and everything is back in the queue.
func TestLostConnectionIsTold(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		ch := v.Channel(t)
		declareQueues(t, ch, nil, "q")
		fill(t, ch, "q", 2000, nil)
		proxy := rabbittest.NewProxy(t, v.URL)
		u := v.User
		u.URL = proxy.Through(u.URL)
		c := brokertest.Connect(t, u)
		n := 0
		_, err := browse.Browse(t.Context(), c.Source(v.Name), browse.Options{Assessment: browse.Assessment{Queue: "q"}},
			func(*message.Message) error {
				if n++; n == 500 {
					proxy.Cut()
				}
				return nil
			})
		if err == nil {
			t.Error("no error")
		}
		awaitReady(t, ch, "q", 2000) // the broker notices a cut when it does
		if after := ids(drained(t, v, "q")); after != numbers(0, 2000) {
			t.Errorf("the queue has %.200s", after)
		}
	})
}
