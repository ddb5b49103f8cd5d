package discover_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
)

// letter is one message that is published and then rejected out of a queue.
type deadLetter struct {
	exchange, key string
	headers       amqp.Table
	from          string
	// lands are the queues that the broker puts it into, as this test expects; the broker is asked
	// all the same.
	lands []string
}

type liveShape struct {
	name        string
	declare     func(t *testing.T, v *rabbittest.VHost, ch *amqp.Channel)
	deadLetters []deadLetter
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func declareQueues(t *testing.T, ch *amqp.Channel, a amqp.Table, names ...string) {
	t.Helper()
	for _, n := range names {
		_, err := ch.QueueDeclare(n, true, false, false, false, a)
		must(t, err)
	}
}

func declareExchange(t *testing.T, ch *amqp.Channel, name, kind string, a amqp.Table) {
	t.Helper()
	must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, a))
}

// awaitPolicy waits until a policy applies to something: the broker takes it first.
func awaitPolicy(t *testing.T, v *rabbittest.VHost, kind, name string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var all []struct{ Policy string }
		v.Client().Get(t, rabbittest.Path(kind, v.Name)+"?disable_stats=true&enable_queue_totals=true", &all)
		for _, x := range all {
			if x.Policy == name {
				return
			}
		}
	}
	t.Fatalf("policy %q applies to nothing", name)
}

func liveShapes() []liveShape {
	with := func(pairs ...string) amqp.Table {
		a := amqp.Table{}
		for i := 0; i < len(pairs); i += 2 {
			a["x-dead-letter-"+pairs[i]] = pairs[i+1]
		}
		return a
	}
	policy := func(t *testing.T, v *rabbittest.VHost, name string, priority int, d map[string]any) {
		v.Client().Put(t, rabbittest.Path("policies", v.Name, name),
			map[string]any{"pattern": "^work", "apply-to": "queues", "priority": priority, "definition": d})
		awaitPolicy(t, v, "queues", name)
	}
	return []liveShape{
		{
			name: "direct with a key",
			declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "dlx", "routing-key", "k"), "work")
				declareQueues(t, ch, nil, "dead", "other")
				declareExchange(t, ch, "dlx", "direct", nil)
				must(t, ch.QueueBind("dead", "k", "dlx", false, nil))
				must(t, ch.QueueBind("other", "work", "dlx", false, nil))
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}}},
		},
		{
			name: "default exchange with a key", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "", "routing-key", "dead"), "work")
				declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum"}, "dead")
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}}},
		},
		{
			name: "no such exchange", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "gone"), "work")
			},
			deadLetters: []deadLetter{{key: "work", from: "work"}},
		},
		{
			name: "original topic keys, partly bound", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "dlx"), "work")
				declareQueues(t, ch, nil, "dead")
				declareExchange(t, ch, "in", "topic", nil)
				declareExchange(t, ch, "dlx", "topic", nil)
				must(t, ch.QueueBind("work", "order.#", "in", false, nil))
				must(t, ch.QueueBind("dead", "*.created", "dlx", false, nil))
			},
			deadLetters: []deadLetter{
				{exchange: "in", key: "order.created", from: "work", lands: []string{"dead"}}, {exchange: "in", key: "order.paid",
					from: "work"},
				{exchange: "in", key: "order", from: "work"}, {key: "work", from: "work"},
			},
		},
		{
			name: "exchange to exchange, alternate exchange", declare: func(t *testing.T, _ *rabbittest.VHost,
				ch *amqp.Channel) {
				declareExchange(t, ch, "dlx", "topic", amqp.Table{"alternate-exchange": "ae"})
				declareExchange(t, ch, "next", "fanout", nil)
				declareExchange(t, ch, "ae", "fanout", nil)
				declareQueues(t, ch, with("exchange", "dlx", "routing-key", "x.a"), "work")
				declareQueues(t, ch, with("exchange", "dlx", "routing-key", "y.a"), "work2")
				declareQueues(t, ch, nil, "dead", "rest")
				must(t, ch.ExchangeBind("next", "x.#", "dlx", false, nil))
				must(t, ch.QueueBind("dead", "", "next", false, nil))
				must(t, ch.QueueBind("rest", "", "ae", false, nil))
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}},
				{key: "work2", from: "work2", lands: []string{"rest"}}},
		},
		{
			name: "alternate exchange behind an exchange that leads nowhere", declare: func(t *testing.T, _ *rabbittest.VHost,
				ch *amqp.Channel) {
				declareExchange(t, ch, "dlx", "fanout", amqp.Table{"alternate-exchange": "ae"})
				declareExchange(t, ch, "next", "fanout", nil)
				declareExchange(t, ch, "ae", "fanout", nil)
				declareQueues(t, ch, with("exchange", "dlx"), "work")
				declareQueues(t, ch, nil, "rest")
				must(t, ch.ExchangeBind("next", "", "dlx", false, nil))
				must(t, ch.QueueBind("rest", "", "ae", false, nil))
			},
			deadLetters: []deadLetter{{key: "work", from: "work"}},
		},
		{
			name: "headers", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareExchange(t, ch, "dlx", "headers", nil)
				declareQueues(t, ch, with("exchange", "dlx"), "work")
				declareQueues(t, ch, nil, "dead")
				must(t, ch.QueueBind("dead", "", "dlx", false, amqp.Table{"x-match": "all", "tenant": "acme"}))
			},
			deadLetters: []deadLetter{{key: "work", headers: amqp.Table{"tenant": "acme"}, from: "work",
				lands: []string{"dead"}},
				{key: "work", from: "work"}},
		},
		{
			name: "headers with nothing to compare", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "amq.headers"), "work")
				declareQueues(t, ch, nil, "dead")
				must(t, ch.QueueBind("dead", "", "amq.headers", false, amqp.Table{"x-match": "all"}))
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}}},
		},
		{
			name: "a consistent hash", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareExchange(t, ch, "dlx", "x-consistent-hash", nil)
				declareQueues(t, ch, with("exchange", "dlx"), "work")
				declareQueues(t, ch, nil, "dead")
				must(t, ch.QueueBind("dead", "1", "dlx", false, nil))
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}}},
		},
		{
			name: "policies by type and priority", declare: func(t *testing.T, v *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, nil, "work", "dead", "dead2")
				declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum"}, "work2")
				policy(t, v, "low", 1, map[string]any{"dead-letter-exchange": "", "dead-letter-routing-key": "dead"})
				policy(t, v, "high", 2, map[string]any{"dead-letter-exchange": "", "dead-letter-routing-key": "dead2",
					"delivery-limit": 5})
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}},
				{key: "work2", from: "work2", lands: []string{"dead2"}}},
		},
		{
			name: "argument and policy, key by key", declare: func(t *testing.T, v *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", ""), "work")
				declareQueues(t, ch, nil, "dead")
				policy(t, v, "p", 0, map[string]any{"dead-letter-exchange": "amq.fanout", "dead-letter-routing-key": "dead"})
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"dead"}}},
		},
		{
			name: "a policy's alternate exchange", declare: func(t *testing.T, v *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, with("exchange", "dlx"), "work")
				declareQueues(t, ch, nil, "rest")
				declareExchange(t, ch, "dlx", "direct", nil)
				must(t, ch.QueueBind("rest", "", "amq.fanout", false, nil))
				v.Client().Put(t, rabbittest.Path("policies", v.Name, "ae"),
					map[string]any{"pattern": "^dlx$", "apply-to": "exchanges",
						"definition": map[string]any{"alternate-exchange": "amq.fanout"}})
				awaitPolicy(t, v, "exchanges", "ae")
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"rest"}}},
		},
		{
			name: "a stream", declare: func(t *testing.T, _ *rabbittest.VHost, ch *amqp.Channel) {
				declareQueues(t, ch, amqp.Table{"x-queue-type": "quorum", "x-dead-letter-exchange": "",
					"x-dead-letter-routing-key": "s"}, "work")
				declareQueues(t, ch, amqp.Table{"x-queue-type": "stream"}, "s")
			},
			deadLetters: []deadLetter{{key: "work", from: "work", lands: []string{"s"}}},
		},
	}
}

// What Discover says must be what the broker does: every queue a dead letter lands in has its
// source, and one that lands nowhere is foretold.
func TestDiscoverAgreesWithTheBroker(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, s := range liveShapes() {
			t.Run(s.name, func(t *testing.T) {
				v := b.VHost(t)
				ch := v.Channel(t)
				s.declare(t, v, ch)
				live := brokertest.ReadLive(t, brokertest.Connect(t, v.User), v.Name)
				d := discover.Live(live, discover.Options{})
				for i, l := range s.deadLetters {
					want := l.lands
					if b.Line == "3.10" && slices.Equal(want, []string{"s"}) {
						want = nil // lost, as facts of 3.10.8 have it
					}
					landed := reject(t, v, live, l, fmt.Sprint(i), len(want))
					if !slices.Equal(landed, want) {
						t.Errorf("the broker put %q into %q, this test expects %q", l.key, landed, want)
					}
					compare(t, d, l, landed)
				}
			})
		}
	})
}

func compare(t *testing.T, d discover.Discovery, l deadLetter, landed []string) {
	t.Helper()
	sure := map[string]bool{}
	for _, q := range d.Queues {
		for _, s := range q.Sources {
			if s.Queue != l.from {
				continue
			}
			sure[q.Name] = sure[q.Name] || s.Certainty == discover.Surely
			if s.Certainty == discover.Surely && !slices.Contains(landed, q.Name) {
				t.Errorf("%q surely gets dead letters of %q, and did not", q.Name, l.from)
			}
		}
	}
	for _, q := range landed {
		if _, known := sure[q]; !known {
			t.Errorf("%q got a dead letter of %q, which is not foretold", q, l.from)
		}
	}
	foretold := slices.ContainsFunc(d.Losing, func(x discover.Losing) bool { return x.Queue == l.from })
	if len(landed) == 0 && !foretold {
		t.Errorf("a dead letter of %q with key %q was lost, which is not foretold", l.from, l.key)
	}
	for _, x := range d.Losing {
		if x.Queue == l.from && x.All && x.Certainty == discover.Surely && len(landed) > 0 {
			t.Errorf("all dead letters of %q were foretold to be lost, and one got into %q", l.from, landed)
		}
	}
}

// reject publishes a message, rejects it out of its queue, and returns where it is then. What is
// expected may take its time; what is not has a moment to show up.
func reject(t *testing.T, v *rabbittest.VHost, live *topology.Live, l deadLetter, id string,
	expected int) (landed []string) {
	t.Helper()
	ch := v.Channel(t)
	must(t, ch.Confirm(false))
	c, err := ch.PublishWithDeferredConfirm(l.exchange, l.key, true, false,
		amqp.Publishing{MessageId: id, Headers: l.headers, Body: []byte("x")})
	must(t, err)
	if !c.Wait() {
		t.Fatal("the broker did not take the message")
	}
	m := await(t, ch, l.from)
	must(t, m.Reject(false))
	for end := time.Now().Add(time.Minute); len(landed) < expected &&
		time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		landed = whereIs(t, v, live, id, landed)
	}
	time.Sleep(400 * time.Millisecond)
	landed = whereIs(t, v, live, id, landed)
	slices.Sort(landed)
	return landed
}

func await(t *testing.T, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	for range 1200 {
		m, ok, err := ch.Get(queue, false)
		must(t, err)
		if ok {
			return m
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing came into %q", queue)
	return amqp.Delivery{}
}

// whereIs takes a message out of the queues and adds their names to found. A stream keeps it, and
// counts once.
func whereIs(t *testing.T, v *rabbittest.VHost, live *topology.Live, id string, found []string) []string {
	t.Helper()
	ch := v.Channel(t)
	for _, o := range live.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok {
			continue
		}
		if q.Type == topology.Stream {
			if !slices.Contains(found, q.Name) {
				found = append(found, inStream(t, v, q.Name, id)...)
			}
			continue
		}
		for {
			m, ok, err := ch.Get(q.Name, false)
			must(t, err)
			if !ok {
				break
			}
			if m.MessageId == id {
				found = append(found, q.Name)
			}
			must(t, m.Ack(false))
		}
	}
	return found
}

func inStream(t *testing.T, v *rabbittest.VHost, name, id string) []string {
	t.Helper()
	ch := v.Channel(t)
	must(t, ch.Qos(100, 0, false))
	in, err := ch.Consume(name, "", false, false, false, false, amqp.Table{"x-stream-offset": "first"})
	must(t, err)
	for {
		select {
		case m := <-in:
			if m.MessageId == id {
				return []string{name}
			}
		case <-time.After(700 * time.Millisecond):
			return nil
		}
	}
}
