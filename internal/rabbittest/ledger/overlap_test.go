package ledger_test

import (
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
)

// TestBoundBeforeUnbound holds the fact bound-before-unbound: while the bindings of one queue are
// given to another and back, no message reaches neither. What a third queue gets, which is bound
// last and unbound first, both others get.
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
	total, rate := rabbittest.Cases(300, 100_000), rabbittest.Cases(200, 1000)
	s := newScene(t, v, 1_000_000, "quorum")
	s.remove(t, "audit")
	s.declare(t, "h", "quorum")
	s.declare(t, "w", "classic")
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "direct", Keys: []string{"k"}, Rate: rate})
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "topic", Keys: []string{"a", "a.b.c", "b.c"}, Rate: rate})
	s.Publish(ledger.Publisher{URL: publishers, Exchange: "headers", Headers: amqp.Table{"n": int64(1)}, Rate: rate})
	for s.Counts().Confirmed < total {
		s.AwaitConfirms(t, 1)
		s.bind(t, "h")
		s.unbind(t, "q")
		s.AwaitConfirms(t, 1)
		s.bind(t, "q")
		s.bind(t, "w")
		s.AwaitConfirms(t, 50)
		s.unbind(t, "w")
		s.unbind(t, "h")
	}
	s.StopPublishing()
	q, h, w := s.bodies(t, "q"), s.bodies(t, "h"), s.bodies(t, "w")
	union := len(q)
	for body := range h {
		if !q[body] {
			union++
		}
	}
	c := s.Counts()
	t.Logf("%+v, q has %d, h %d, both %d, w %d", c, len(q), len(h), len(q)+len(h)-union, len(w))
	if c.Returned+c.Nacked > 0 || union != c.Confirmed {
		t.Errorf("%d messages of %d reached a queue, and %d came back", union, c.Confirmed, c.Returned)
	}
	if len(w) == 0 {
		t.Errorf("the third queue has no messages")
	}
	for body := range w {
		if !q[body] || !h[body] {
			t.Errorf("%s is in the third queue, and not in both others", body)
		}
	}
}

// bodies reads a queue until it is empty.
func (s *scene) bodies(t *testing.T, queue string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	ledger.Empty(t, s.v.URL, queue, func(d amqp.Delivery) { out[string(d.Body)] = true })
	return out
}
