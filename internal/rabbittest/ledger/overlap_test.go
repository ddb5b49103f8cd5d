package ledger_test

import (
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
)

// TestBoundBeforeUnbound holds the facts bound-before-unbound and alternate-takes-over: while the
// bindings of a queue are led over an exchange, this exchange is turned to another queue by its
// alternate exchange, and all of that back, each message reaches one of the queues, and once.
func TestBoundBeforeUnbound(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		boundBeforeUnbound(t, v, v.URL)
	})
}

// TestBoundBeforeUnboundInClusters is TestBoundBeforeUnbound with publishers on another node than
// the one that binds.
func TestBoundBeforeUnboundInClusters(t *testing.T) {
	if rabbittest.Cases(0, 1) == 0 {
		t.Skip("a cluster takes a minute: only in a soak run")
	}
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		nodes := rabbittest.Cluster(t, rabbittest.StartNode(t, b.Line), 2)
		v := rabbittest.Of(nodes[0]).VHost(t)
		boundBeforeUnbound(t, v, strings.Replace(v.URL, port(t, nodes[0].URL), port(t, nodes[1].URL), 1))
	})
}

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return ":" + u.Port() + "/"
}

func boundBeforeUnbound(t *testing.T, v *rabbittest.VHost, publishers string) {
	t.Helper()
	enough, rate := rabbittest.Cases(3, 15), rabbittest.Cases(300, 1000)
	s := newScene(t, v, 1_000_000, "quorum")
	s.remove(t, "audit")
	s.declare(t, "h", "quorum")
	s.must(t, s.ch.ExchangeDeclare("arrivals", "fanout", true, false, false, false, nil))
	s.must(t, s.ch.QueueBind("h", "", "arrivals", false, nil))
	s.must(t, s.ch.ExchangeDeclare("route", "fanout", true, false, false, false,
		amqp.Table{"alternate-exchange": "arrivals"}))
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "direct", Keys: []string{"k"}, Rate: rate})
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "topic", Keys: []string{"a", "a.b.c", "b.c"}, Rate: rate})
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "headers", Headers: amqp.Table{"n": int64(1)}, Rate: rate})
	turns := 0
	for ; turns < enough || s.Counts().Confirmed < rabbittest.Cases(0, 100_000); turns++ {
		s.must(t, s.ch.QueueBind("q", "", "route", false, nil))
		for _, b := range bindings {
			s.must(t, s.ch.ExchangeBind("route", b.key, b.exchange, false, b.args))
		}
		s.unbind(t, "q")
		s.AwaitEach(t) // a channel may have read that there are both ways
		s.must(t, s.ch.QueueUnbind("q", "", "route", nil))
		s.AwaitConfirms(t, 20)
		s.must(t, s.ch.QueueBind("q", "", "route", false, nil))
		s.bind(t, "q")
		for _, b := range bindings {
			s.must(t, s.ch.ExchangeUnbind("route", b.key, b.exchange, false, b.args))
		}
	}
	s.StopPublishing()
	q, h := s.bodies(t, "q"), s.bodies(t, "h")
	c := s.Counts()
	t.Logf("%d turns, %+v, q has %d, h %d", turns, c, len(q), len(h))
	for body := range h {
		if q[body] {
			t.Errorf("%s is in both queues", body)
		}
	}
	if c.Returned+c.Nacked > 0 || len(q)+len(h) != c.Confirmed {
		t.Errorf("%d messages of %d reached a queue, and %d came back", len(q)+len(h), c.Confirmed, c.Returned)
	}
	if len(h) < 20 {
		t.Errorf("the alternate exchange got %d messages", len(h))
	}
}

// bodies reads a queue until it is empty. No message may be there twice.
func (s *scene) bodies(t *testing.T, queue string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	ledger.Empty(t, s.v.URL, queue, func(d amqp.Delivery) {
		if out[string(d.Body)] {
			t.Errorf("%s is in queue %q twice", d.Body, queue)
		}
		out[string(d.Body)] = true
	})
	return out
}
