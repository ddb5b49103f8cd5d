package ledger_test

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
)

// scene is a queue "q" that is bound to three exchanges, with publishers. A second queue has the
// same bindings, so that the broker confirms what is published while "q" is away.
type scene struct {
	*ledger.Ledger
	v  *rabbittest.VHost
	ch *amqp.Channel
}

// bindings of the queue, by exchange.
var bindings = []struct {
	exchange, kind, key string
	args                amqp.Table
}{
	{"direct", "direct", "k", nil},
	{"topic", "topic", "a.#", nil},
	{"topic", "topic", "b.*", nil},
	{"headers", "headers", "", amqp.Table{"x-match": "all", "n": int32(1)}},
}

func newScene(t *testing.T, v *rabbittest.VHost, limit int, kind string) *scene {
	t.Helper()
	s := &scene{Ledger: ledger.New(t, limit), v: v, ch: v.Channel(t)}
	for _, b := range bindings {
		s.must(t, s.ch.ExchangeDeclare(b.exchange, b.kind, true, false, false, false, nil))
	}
	s.declare(t, "q", kind)
	s.declare(t, "audit", "classic")
	s.bind(t, "q")
	s.bind(t, "audit")
	return s
}

func (*scene) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *scene) declare(t *testing.T, queue, kind string) {
	t.Helper()
	s.ch = s.v.DeclareQueue(t, s.ch, queue, amqp.Table{"x-queue-type": kind})
}

func (s *scene) bind(t *testing.T, queue string) {
	t.Helper()
	for _, b := range bindings {
		s.must(t, s.ch.QueueBind(queue, b.key, b.exchange, false, b.args))
	}
}

func (s *scene) unbind(t *testing.T, queue string) {
	t.Helper()
	for _, b := range bindings {
		s.must(t, s.ch.QueueUnbind(queue, b.key, b.exchange, b.args))
	}
}

func (s *scene) remove(t *testing.T, queue string) {
	t.Helper()
	_, err := s.ch.QueueDelete(queue, false, false, false)
	s.must(t, err)
}

// move moves n messages, or with -1 all there are, on a channel of its own (fact
// got-from-another-type).
func (s *scene) move(t *testing.T, from, to string, n int) {
	t.Helper()
	ch := s.v.Channel(t)
	for ; n != 0; n-- {
		d, found, err := ch.Get(from, false)
		s.must(t, err)
		if !found {
			return
		}
		s.must(t, ch.PublishWithContext(t.Context(), "", to, true, false, amqp.Publishing{Body: d.Body}))
		s.must(t, d.Ack(false))
	}
}

// publish starts a publisher for each exchange, and one by the queue's name.
func (s *scene) publish(url string, rate int) {
	s.Publish(ledger.Publisher{URL: url, Exchange: "direct", Keys: []string{"k"}, Rate: rate})
	s.Publish(ledger.Publisher{URL: url, Exchange: "topic", Keys: []string{"a", "a.b.c", "b.c"}, Rate: rate,
		Anonymous: true})
	s.Publish(ledger.Publisher{URL: url, Exchange: "headers", Headers: amqp.Table{"n": int64(1)}, Rate: rate})
	s.Publish(ledger.Publisher{URL: url, Keys: []string{"q"}, Rate: rate})
}

// TestNothingIsMissedWhereNothingIsLost: while connections are cut and queues are left alone, the
// ledger finds no loss, and no duplicates but those that the broker calls redelivered.
func TestNothingIsMissedWhereNothingIsLost(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		n := rabbittest.Cases(500, 20000)
		s := newScene(t, b.VHost(t), 1000*n, "quorum")
		publishers, consumers := rabbittest.NewProxy(t, b.URL), rabbittest.NewProxy(t, b.URL)
		s.publish(publishers.Through(s.v.URL), 500)
		s.Consume(ledger.Consumer{URL: consumers.Through(s.v.URL), Queue: "q", Prefetch: 200, Batch: 10,
			Hold: 5 * time.Millisecond})
		for i := range 3 {
			s.AwaitConfirms(t, n)
			s.Mark()
			s.Await(t, "something in hand", func(c ledger.Counts) bool { return c.Held > 0 })
			consumers.Cut()
			if i == 1 {
				publishers.Cut()
			}
			s.Await(t, "a subscription", func(c ledger.Counts) bool { return c.Subscribed == i+2 })
		}
		v := s.Settle(t, s.v.URL, "q")
		t.Log(v)
		if v.Lost+v.Returned+v.Nacked+v.Late+v.Reordered+v.Foreign+v.Cancelled > 0 || v.Duplicates != v.Redelivered {
			t.Errorf("nothing was lost, duplicated or late")
		}
		if v.Connected < 8 {
			t.Errorf("publishers connected %d times", v.Connected)
		}
	})
}

// naive are sequences that lose, repeat or reorder messages while somebody publishes, with what the
// ledger has to find.
var naive = []struct {
	name  string
	run   func(t *testing.T, s *scene)
	found func(v ledger.Verdict) int
}{
	{"delete, declare, move back", func(t *testing.T, s *scene) {
		s.declare(t, "t", "classic")
		s.move(t, "q", "t", -1)
		s.remove(t, "q")
		s.AwaitConfirms(t, 10) // the bystander gets them
		s.declare(t, "q", "quorum")
		s.bind(t, "q")
		s.move(t, "t", "q", -1)
	}, lost},
	{"unbind first, then move", func(t *testing.T, s *scene) {
		s.declare(t, "t", "classic")
		s.unbind(t, "q")
		s.AwaitConfirms(t, 10)
		s.bind(t, "t")
		s.move(t, "q", "t", -1)
		s.remove(t, "q")
		s.declare(t, "q", "quorum")
		s.bind(t, "q")
		s.unbind(t, "t")
		s.move(t, "t", "q", -1)
	}, lost},
	{"move as many as there were, recreate", func(t *testing.T, s *scene) {
		q, err := rabbittest.CountQueue(s.ch, "q")
		s.must(t, err)
		s.declare(t, "t", "classic")
		s.move(t, "q", "t", q.Messages)
		s.AwaitConfirms(t, 10)
		s.remove(t, "q")
		s.declare(t, "q", "quorum")
		s.bind(t, "q")
		s.move(t, "t", "q", -1)
	}, lost},
	{"move back behind what is new", func(t *testing.T, s *scene) {
		s.declare(t, "t", "classic")
		s.move(t, "q", "t", 10)
		s.Mark()
		s.AwaitConfirms(t, 10)
		s.move(t, "t", "q", -1)
	}, func(v ledger.Verdict) int { return min(v.Late, v.Reordered) }},
	{"hold in both, move both", func(t *testing.T, s *scene) {
		s.declare(t, "t", "classic")
		s.bind(t, "t")
		s.AwaitConfirms(t, 10)
		s.unbind(t, "t")
		s.move(t, "t", "q", -1)
	}, func(v ledger.Verdict) int { return v.Duplicates - v.Redelivered }},
}

func lost(v ledger.Verdict) int { return v.Lost }

// TestNaiveSequencesAreFound: what a person would type loses messages, and the ledger sees it. If it
// did not, its verdict on msgctl would say nothing.
func TestNaiveSequencesAreFound(t *testing.T) {
	lines := rabbittest.OneLine
	if rabbittest.Cases(0, 1) > 0 {
		lines = rabbittest.EachLine
	}
	lines(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, sequence := range naive {
			t.Run(sequence.name, func(t *testing.T) {
				s := newScene(t, b.VHost(t), 1_000_000, "classic")
				s.Publish(ledger.Publisher{URL: s.v.URL, Exchange: "direct", Keys: []string{"k"}, Rate: 300})
				s.AwaitConfirms(t, rabbittest.Cases(50, 2000))
				sequence.run(t, s)
				s.AwaitConfirms(t, 10)
				v := s.Settle(t, s.v.URL, "q")
				t.Log(v)
				if sequence.found(v) == 0 {
					t.Errorf("the ledger found nothing")
				}
				if v.Returned+v.Nacked+v.Unknown > 0 {
					t.Errorf("every message went somewhere")
				}
			})
		}
	})
}

// TestConsumersAreCancelledAndSubscribeAgain: when a queue is deleted, its consumers are told, and
// they find the next queue of that name (fact deleted-queue-cancels). Messages that they hold do
// not keep a classic queue from counting as empty (fact delete-conditions-classic-only).
func TestConsumersAreCancelledAndSubscribeAgain(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		for _, kind := range []string{"classic", "quorum"} {
			s := newScene(t, v, 1_000_000, kind)
			s.Consume(ledger.Consumer{URL: v.URL, Queue: "q", Hold: time.Hour})
			s.Publish(ledger.Publisher{URL: v.URL, Exchange: "direct", Keys: []string{"k"}, Rate: 100})
			s.Await(t, "something in hand", func(c ledger.Counts) bool { return c.Held > 10 })
			s.StopPublishing()
			s.Await(t, "all in hand", func(c ledger.Counts) bool { return c.Held == c.Confirmed })
			_, err := s.ch.QueueDelete("q", false, kind == "classic", false) // if empty
			s.must(t, err)
			s.Await(t, "the cancel", func(c ledger.Counts) bool { return c.Cancelled == 1 })
			s.declare(t, "q", kind)
			s.Await(t, "the second subscription", func(c ledger.Counts) bool { return c.Subscribed == 2 })
			if r := s.Settle(t, v.URL, "q"); r.Lost > 0 || r.Duplicates > r.Redelivered {
				t.Errorf("%s: %s", kind, r)
			}
			s.remove(t, "q")
		}
	})
}
