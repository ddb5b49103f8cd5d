package route_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

type args = topology.Arguments

// network builds a network of vhost "/".
func network(t testing.TB, version string, objects ...topology.Object) *route.Network {
	t.Helper()
	s := &topology.State{}
	for _, o := range objects {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	return route.New(s, "/", version)
}

func queue(name string, a args) *topology.Queue { return typed(topology.Classic, name, a) }

func typed(kind, name string, a args) *topology.Queue {
	return &topology.Queue{VHost: "/", Name: name, Type: kind, Durable: true, Arguments: a}
}

func exchange(name, kind string, a args) *topology.Exchange {
	return &topology.Exchange{VHost: "/", Name: name, Type: kind, Durable: true, Arguments: a}
}

func bind(source, key, queue string) *topology.Binding { return bindWith(source, key, queue, nil) }

func bindWith(source, key, queue string, a args) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: queue, DestinationType: topology.ToQueue,
		RoutingKey: key, Arguments: a}
}

func bindX(source, key, exchange string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: exchange, DestinationType: topology.ToExchange,
		RoutingKey: key}
}

func policy(name, pattern, applyTo string, priority int64, d args) *topology.Policy {
	return &topology.Policy{VHost: "/", Name: name, Pattern: pattern, ApplyTo: applyTo, Priority: priority, Definition: d}
}

func deadLetter(exchange, key string) args {
	return args{"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": key}
}

func TestRetryStepsEndWhereTheyBegan(t *testing.T) {
	n := network(t, "", queue("work", deadLetter("", "wait")),
		queue("wait", args{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work", "x-message-ttl": int64(5000)}))
	trace, err := n.Follow(route.Publication{Key: "work"}, route.Step{Queue: "work", Reason: route.Rejected})
	if err != nil || !slices.Equal(trace.Sure(), []string{"work"}) || len(trace.DeadLetterings) != 2 ||
		!trace.DeadLetterings[1].Wait {
		t.Errorf("rejected: %v in %v after %d dead letterings", err, trace.Sure(), len(trace.DeadLetterings))
	}
	trace, err = n.Follow(route.Publication{Key: "work"}, route.Step{Queue: "work", Reason: route.Expired})
	if err != nil || !trace.Lost() {
		t.Errorf("expired: %v in %v", err, trace.Possible())
	}
}

func TestRoute(t *testing.T) {
	objects := []topology.Object{
		exchange("t", "topic", args{"alternate-exchange": "ae"}), exchange("ae", "fanout", nil), exchange("loop", "fanout",
			nil), exchange("back", "fanout", nil),
		exchange("empty", "fanout", nil), exchange("d", "direct", args{"alternate-exchange": "ae"}), exchange("hash",
			"x-consistent-hash", nil), exchange("odd", "x-rtopic", nil),
		exchange("late", "x-delayed-message", args{"x-delayed-type": "direct"}),
		queue("a", nil), queue("b", nil), queue("rest", nil),
		bind("t", "a.*", "a"), bind("t", "*.x", "a"), bind("t", "#.b", "b"), bind("ae", "", "rest"),
		bindX("loop", "", "back"), bindX("back", "", "loop"), bind("back", "", "a"),
		bindX("d", "k", "empty"), bind("d", "cc", "b"), bind("hash", "1", "a"), bind("hash", "1", "b"), bind("odd", "",
			"a"), bind("late", "k", "b"),
		bind("amq.direct", "k", "a"), policy("ae", "^amq\\.direct$", "exchanges", 5, args{"alternate-exchange": "ae"}),
	}
	n := network(t, "", objects...)
	for _, c := range []struct {
		name           string
		p              route.Publication
		sure, possible []string
		refused        bool
	}{
		{name: "two bindings, one copy", p: route.Publication{Exchange: "t", Key: "a.x"}, sure: []string{"a"}},
		{name: "several queues", p: route.Publication{Exchange: "t", Key: "a.b"}, sure: []string{"a", "b"}},
		{name: "alternate exchange", p: route.Publication{Exchange: "t", Key: "zzz"}, sure: []string{"rest"}},
		{name: "alternate exchange by policy", p: route.Publication{Exchange: "amq.direct", Key: "zzz"},
			sure: []string{"rest"}},
		{name: "no alternate exchange behind an exchange binding that leads nowhere",
			p: route.Publication{Exchange: "d", Key: "k"}},
		{name: "cycle of exchanges", p: route.Publication{Exchange: "loop"}, sure: []string{"a"}},
		{name: "CC", p: route.Publication{Exchange: "d", Key: "zzz", CC: []string{"cc"}}, sure: []string{"b"}},
		{name: "BCC as a header", p: route.Publication{Exchange: "d", Key: "zzz", Headers: args{"BCC": []any{"cc"}}},
			sure: []string{"b"}},
		{name: "default exchange with CC", p: route.Publication{Key: "a", CC: []string{"b", "gone"}},
			sure: []string{"a", "b"}},
		{name: "one of", p: route.Publication{Exchange: "hash", Key: "k"}, possible: []string{"a", "b"}},
		{name: "a type that is not known", p: route.Publication{Exchange: "odd", Key: "k"}, possible: []string{"a"}},
		{name: "delayed", p: route.Publication{Exchange: "late", Key: "k"}, sure: []string{"b"}},
		{name: "no such exchange", p: route.Publication{Exchange: "gone"}, refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := n.Route(c.p)
			if c.possible == nil {
				c.possible = c.sure
			}
			if !slices.Equal(trace.Sure(), c.sure) || !slices.Equal(trace.Possible(), c.possible) ||
				(trace.Refused != "") != c.refused {
				t.Errorf("sure %v, possible %v, refused %q", trace.Sure(), trace.Possible(), trace.Refused)
			}
		})
	}
}

func TestDie(t *testing.T) {
	limited := args{"x-max-length": int64(5), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
	refusing := args{"x-max-length": int64(5), "x-overflow": "reject-publish", "x-dead-letter-exchange": ""}
	keeping := args{"x-dead-letter-exchange": "gone", "x-dead-letter-strategy": "at-least-once",
		"x-overflow": "reject-publish"}
	objects := []topology.Object{
		queue("dead", nil), typed("stream", "log", nil), queue("to.log", deadLetter("", "log")), queue("plain",
			nil), queue("gone.dlx", deadLetter("gone", "k")),
		queue("limited", limited), queue("refusing", refusing), typed("quorum", "keeping", keeping), typed("quorum",
			"exhaustible", deadLetter("", "dead")),
		queue("by.policy", nil), policy("low", "policy", "all", 1,
			args{"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}),
		policy("high", "policy", "queues", 2, args{"dead-letter-exchange": "gone", "delivery-limit": int64(3)}),
	}
	for _, c := range []struct {
		queue   string
		reason  route.Reason
		version string
		want    route.Outcome
		rule    string
	}{
		{"plain", route.Rejected, "", route.Dropped, ""},
		{"log", route.Rejected, "", route.Stays, ""},
		{"gone.dlx", route.Expired, "", route.Unrouted, "argument x-dead-letter-exchange"},
		{"keeping", route.Rejected, "", route.Held, "argument x-dead-letter-exchange"},
		{"limited", route.MaxLength, "", route.Moved, "argument x-dead-letter-exchange"},
		{"plain", route.MaxLength, "", route.Stays, ""},
		{"refusing", route.MaxLength, "", route.Bounced, ""},
		{"exhaustible", route.DeliveryLimit, "4.3", route.Moved, "argument x-dead-letter-exchange"},
		{"exhaustible", route.DeliveryLimit, "3.10", route.Stays, ""},
		{"plain", route.DeliveryLimit, "", route.Stays, ""},
		{"to.log", route.Rejected, "4.0", route.Moved, "argument x-dead-letter-exchange"},
		{"to.log", route.Rejected, "3.10", route.Unrouted, "argument x-dead-letter-exchange"},
		// A classic queue does not support delivery-limit, so the policy high does not apply to it.
		{"by.policy", route.Rejected, "", route.Moved, `policy "low", priority 1`},
	} {
		n := network(t, c.version, objects...)
		trace, err := n.Follow(route.Publication{Key: c.queue}, route.Step{Queue: c.queue, Reason: c.reason})
		if err != nil {
			t.Fatal(err)
		}
		if f := trace.DeadLetterings[0]; f.Outcome != c.want || f.Rule != c.rule {
			t.Errorf("%s %s on %q: %s by %q (%s)", c.reason, c.queue, c.version, f.Outcome, f.Rule, f.Why)
		}
	}
}

// A policy whose pattern cannot be judged makes every setting unsure, whatever its rivals say.
func TestUnjudgedPolicyStaysUnsureAmongRivals(t *testing.T) {
	definition := func() args { return args{"max-length": int64(5)} }
	const cannot = "(?<!a)^(?R)?x"
	for _, names := range [][3]string{{"a", "b", "c"}, {"b", "a", "c"}, {"c", "a", "b"}} {
		s := route.NewPolicies([]*topology.Policy{policy(names[0], cannot, "queues", 0, args{"max-length": int64(9)}),
			policy(names[1], "^q$", "queues", 0, definition()), policy(names[2], "^q$", "queues", 0, definition())}, "")
		if got := s.Of(queue("q", nil)).Get("max-length"); !strings.Contains(got.Unsure, "cannot be judged") {
			t.Errorf("%v: %+v", names, got)
		}
	}
}

func TestPoliciesOfEqualPriorityMakeAnAnswerUnsure(t *testing.T) {
	n := network(t, "", queue("q", nil), policy("a", "q", "all", 1, args{"dead-letter-exchange": "x"}),
		policy("b", "q", "all", 1, args{"dead-letter-exchange": "y"}))
	trace, _ := n.Follow(route.Publication{Key: "q"}, route.Step{Queue: "q", Reason: route.Rejected})
	if len(trace.Unsure()) == 0 || trace.Certain() {
		t.Error("sure")
	}
}
