package discover_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

type args = topology.Arguments

// shape builds a state of vhost "/" from short lines.
func shape(t *testing.T, objects ...topology.Object) *topology.State {
	t.Helper()
	s := &topology.State{}
	for _, o := range objects {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func queue(name string, a args) *topology.Queue { return typed(topology.Classic, name, a) }

func typed(kind, name string, a args) *topology.Queue {
	return &topology.Queue{VHost: "/", Name: name, Type: kind, Durable: true, Arguments: a}
}

func exchange(name, kind string) *topology.Exchange {
	return &topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true}
}

func bind(source, key, queue string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: queue, DestinationType: topology.ToQueue,
		RoutingKey: key}
}

func bindX(source, key, exchange string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: exchange, DestinationType: topology.ToExchange,
		RoutingKey: key}
}

func policy(name, pattern, applyTo string, priority int64, d args) *topology.Policy {
	return &topology.Policy{VHost: "/", Name: name, Pattern: pattern, ApplyTo: applyTo, Priority: priority, Definition: d}
}

func dlx(exchange string) args { return args{"x-dead-letter-exchange": exchange} }

func dlxKey(exchange, key string) args {
	return args{"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": key}
}

// told is a Discovery in short lines.
func told(d discover.Discovery) []string {
	var list []string
	for _, q := range d.Queues {
		if len(q.Sources) == 0 {
			list = append(list, fmt.Sprintf("%s by name %s", q.Name, q.ByName))
		}
		for _, s := range q.Sources {
			list = append(list, fmt.Sprintf("%s %s <- %s %s %s", q.Name, q.Role, s.Queue, s.Certainty, s.From))
		}
	}
	for _, l := range d.Losing {
		word := "some"
		if l.All {
			word = "all"
		}
		list = append(list, fmt.Sprintf("LOST %s %s %s key %q", l.Queue, l.Certainty, word, l.Key))
	}
	return list
}

func TestDiscover(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		objects []topology.Object
		want    []string
	}{
		{
			"a configured key on a direct exchange", "4.3.6",
			[]topology.Object{queue("work", dlxKey("dlx", "k")), queue("dead", nil), exchange("dlx", "direct"),
				bind("dlx", "k", "dead")},
			[]string{"dead dead-letter <- work surely argument x-dead-letter-exchange"},
		},
		{
			"the default exchange", "4.3.6",
			[]topology.Object{queue("work", dlxKey("", "dead")), queue("dead", nil)},
			[]string{"dead dead-letter <- work surely argument x-dead-letter-exchange"},
		},
		{
			"the default exchange with a name that no queue has", "4.3.6",
			[]topology.Object{queue("work", dlxKey("", "gone"))},
			[]string{`LOST work surely all key "gone"`},
		},
		{
			"no such exchange", "4.3.6",
			[]topology.Object{queue("work", dlxKey("dlx", "k"))},
			[]string{`LOST work surely all key "k"`},
		},
		{
			"no binding for the key", "4.3.6",
			[]topology.Object{queue("work", dlxKey("dlx", "k")), queue("dead", nil), exchange("dlx", "direct"),
				bind("dlx", "K", "dead")},
			[]string{`LOST work surely all key "k"`},
		},
		{
			"original keys through a fanout", "4.3.6",
			[]topology.Object{
				queue("work", dlx("dlx")), queue("dead", nil), exchange("dlx", "fanout"), exchange("in", "topic"),
				bind("in", "order.#", "work"), bind("dlx", "", "dead"),
			},
			[]string{
				"dead dead-letter <- work surely argument x-dead-letter-exchange", "dead dead-letter <- work possibly argument " +
					"x-dead-letter-exchange",
			},
		},
		{
			"original keys of a topic, some of which are bound", "4.3.6",
			[]topology.Object{
				queue("work", dlx("dlx")), queue("dead", nil), exchange("dlx", "topic"), exchange("in", "topic"),
				bind("in", "order.*", "work"), bind("dlx", "*.created", "dead"),
			},
			[]string{
				"dead dead-letter <- work possibly argument x-dead-letter-exchange",
				`LOST work surely some key "order.any"`, `LOST work possibly all key "work"`,
			},
		},
		{
			"original keys of a direct exchange that miss the bindings", "4.3.6",
			[]topology.Object{
				queue("work", dlx("dlx")), queue("dead", nil), exchange("dlx", "direct"), exchange("in", "direct"),
				bind("in", "a", "work"), bind("dlx", "work", "dead"),
			},
			[]string{"dead dead-letter <- work possibly argument x-dead-letter-exchange", `LOST work surely all key "a"`},
		},
		{
			"exchange to exchange, and an alternate exchange", "4.3.6",
			[]topology.Object{
				queue("a", dlxKey("dlx", "x.a")), queue("b", dlxKey("dlx", "y.b")), queue("dead", nil), queue("rest", nil),
				&topology.Exchange{VHost: "/", Name: "dlx", Type: "topic", Arguments: args{"alternate-exchange": "ae"}},
				exchange("next", "fanout"), exchange("ae", "fanout"),
				bindX("dlx", "x.#", "next"), bind("next", "", "dead"), bind("ae", "", "rest"),
			},
			[]string{
				"dead dead-letter <- a surely argument x-dead-letter-exchange", "rest dead-letter <- b surely argument " +
					"x-dead-letter-exchange",
			},
		},
		{
			"an alternate exchange is not used behind an exchange binding that leads nowhere", "4.3.6",
			[]topology.Object{
				queue("a", dlxKey("dlx", "x")), queue("rest", nil),
				&topology.Exchange{VHost: "/", Name: "dlx", Type: "fanout", Arguments: args{"alternate-exchange": "ae"}},
				exchange("next", "fanout"), exchange("ae", "fanout"), bindX("dlx", "", "next"), bind("ae", "", "rest"),
			},
			[]string{`LOST a surely all key "x"`},
		},
		{
			"headers decide", "4.3.6",
			[]topology.Object{
				queue("a", dlxKey("dlx", "x")), queue("dead", nil), exchange("dlx", "headers"),
				&topology.Binding{VHost: "/", Source: "dlx", Destination: "dead", DestinationType: topology.ToQueue,
					Arguments: args{"x-match": "all", "tenant": "acme"}},
			},
			[]string{"dead dead-letter <- a possibly argument x-dead-letter-exchange", `LOST a possibly some key "x"`},
		},
		{
			"a headers binding with nothing to compare takes all", "4.3.6",
			[]topology.Object{
				queue("a", dlxKey("amq.headers", "x")), queue("dead", nil),
				&topology.Binding{VHost: "/", Source: "amq.headers", Destination: "dead", DestinationType: topology.ToQueue,
					Arguments: args{"x-match": "all"}},
			},
			[]string{"dead dead-letter <- a surely argument x-dead-letter-exchange"},
		},
		{
			"a policy, and one of higher priority that does not apply to the type", "4.3.6",
			[]topology.Object{
				queue("work", nil), typed(topology.Quorum, "work2", nil), queue("dead", nil), queue("dead2", nil),
				policy("low", "^work", "queues", 1, args{"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}),
				policy("high", "^work", "queues", 2, args{"dead-letter-exchange": "", "dead-letter-routing-key": "dead2",
					"delivery-limit": int64(5)}),
			},
			[]string{`dead dead-letter <- work surely policy "low"`, `dead2 dead-letter <- work2 surely policy "high"`},
		},
		{
			"an argument wins over a policy, key by key", "4.3.6",
			[]topology.Object{
				queue("work", dlx("")), queue("dead", nil),
				policy("p", ".*k$", "all", 0, args{"dead-letter-exchange": "nowhere", "dead-letter-routing-key": "dead"}),
			},
			[]string{"dead dead-letter <- work surely argument x-dead-letter-exchange"},
		},
		{
			"retry steps", "4.3.6",
			[]topology.Object{
				queue("work", dlxKey("", "work.wait")), queue("work.wait",
					args{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work", "x-message-ttl": int64(5000)}),
				queue("work.parked", nil),
			},
			[]string{"work work <- work.wait surely argument x-dead-letter-exchange",
				"work.wait wait <- work surely argument x-dead-letter-exchange"},
		},
		{
			"names", "4.3.6",
			[]topology.Object{queue("orders_error", nil), queue("error", nil), queue("a.dlq", nil),
				queue("EasyNetQ_Default_Error_Queue", nil), queue("terror", nil), queue("x.parked", nil)},
			[]string{
				"EasyNetQ_Default_Error_Queue by name EasyNetQ", "a.dlq by name Spring Cloud Stream",
				"error by name NServiceBus or Rebus",
				"orders_error by name MassTransit", "x.parked by name match",
			},
		},
		{
			"a stream takes dead letters on 4.x", "4.0.5",
			[]topology.Object{queue("work", dlxKey("", "s")), typed(topology.Stream, "s", nil)},
			[]string{"s dead-letter <- work surely argument x-dead-letter-exchange"},
		},
		{
			"a stream loses dead letters on 3.10", "3.10.8",
			[]topology.Object{queue("work", dlxKey("", "s")), typed(topology.Stream, "s", nil)},
			[]string{`LOST work surely all key "s"`},
		},
		{
			"nothing but itself", "4.3.6",
			[]topology.Object{queue("work", dlx(""))},
			[]string{`LOST work possibly all key "work"`},
		},
		{
			"an internal exchange narrows the keys", "4.3.6",
			[]topology.Object{
				queue("work", dlx("dlx")), queue("dead", nil), exchange("in", "direct"), exchange("dlx", "direct"),
				&topology.Exchange{VHost: "/", Name: "inner", Type: "fanout", Internal: true},
				bindX("in", "a", "inner"), bind("inner", "", "work"), bind("dlx", "a", "dead"), bind("dlx", "work", "dead"),
			},
			[]string{
				"dead dead-letter <- work surely argument x-dead-letter-exchange", "dead dead-letter <- work possibly argument " +
					"x-dead-letter-exchange",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := discover.Discover(shape(t, c.objects...),
				discover.Options{Version: c.version, Match: regexp.MustCompile(`\.parked$`)})
			got := slices.DeleteFunc(told(d), func(s string) bool { return s == "work.parked by name match" })
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			for _, l := range d.Losing {
				if l.Reason == "" {
					t.Errorf("no reason for %+v", l)
				}
			}
		})
	}
}
