package graph_test

import (
	"slices"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
)

// TestWhatEveryVHostHasIsDrawnWhenUsed checks that predeclared exchanges, which a broker lists, are
// in the graph only if they are used.
func TestWhatEveryVHostHasIsDrawnWhenUsed(t *testing.T) {
	s := &topology.State{}
	for _, o := range []topology.Object{
		&topology.Exchange{VHost: "/", Name: "", Type: "direct"}, &topology.Exchange{VHost: "/", Name: "amq.topic",
			Type: "topic"}, &topology.Exchange{VHost: "/", Name: "amq.fanout", Type: "fanout"},
		&topology.Exchange{VHost: "/", Name: "mine", Type: "topic"}, &topology.Queue{VHost: "/", Name: "q",
			Type: topology.Classic},
		&topology.Binding{VHost: "/", Source: "amq.topic", Destination: "q", DestinationType: topology.ToQueue,
			RoutingKey: "a"},
	} {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, n := range graph.New(s, graph.Options{}).Nodes {
		names = append(names, n.Ref.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"amq.topic", "mine", "q"}) {
		t.Errorf("got %q", names)
	}
}

// TestWaitQueuesHaveTheWayInAndBack checks that a wait queue to which a consumer publishes,
// declared by a schedule or known by its name, has an edge from its queue and one back. Dead
// letters that reach a queue of such a name have only their own edge.
func TestWaitQueuesHaveTheWayInAndBack(t *testing.T) {
	toDefault := func(key string, ttl int64) topology.Arguments {
		return topology.Arguments{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": key, "x-message-ttl": ttl}
	}
	queue := func(name string, args topology.Arguments) *topology.Queue {
		return &topology.Queue{VHost: "/", Name: name, Type: topology.Quorum, Arguments: args}
	}
	dead := topology.Arguments{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "c.retry.1s"}
	s := &topology.State{}
	for _, q := range []*topology.Queue{
		queue("a", nil), queue("a.later", toDefault("a", 1000)), // declared
		queue("b", nil), queue("b.retry.30s", toDefault("b", 30_000)), queue("b.retry.5s", toDefault("b", 5000)), // named
		queue("b.delay", toDefault("b", 1000)),                      // anybody may publish to it
		queue("c", dead), queue("c.retry.1s", toDefault("c", 1000)), // dead letters
		queue("d.retry.1s", toDefault("d", 1000)), // back to nothing
	} {
		if err := s.Add(q, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	s.AddRetrySchedule(topology.RetrySchedule{Queue: topology.QueueRef("/", "a"), Delays: []int64{1000, 2000},
		WaitQueues: [][]topology.Ref{{topology.QueueRef("/", "a.later")}, {topology.QueueRef("/", "a.never-made")}}})
	g := graph.New(s, graph.Options{})
	var got []string
	for _, e := range g.Edges {
		got = append(got, g.Nodes[e.From].Ref.Name+" "+string(e.Kind)+" "+g.Nodes[e.To].Ref.Name)
	}
	want := []string{"a retry a.later", "a.later dead letter a", "b.delay dead letter b", "b.retry.30s dead letter b",
		"b.retry.5s dead letter b", "c dead letter c.retry.1s", "c.retry.1s dead letter c", "d.retry.1s dead letter d",
		"b retry b.retry.5s", "b retry b.retry.30s"}
	if !slices.Equal(got, want) {
		t.Errorf("edges\n%q, want\n%q", got, want)
	}
	for _, n := range g.Nodes {
		role := graph.Wait
		switch n.Ref.Name {
		case "a", "b", "c":
			role = graph.Plain // what comes back to them is handled again
		case "d":
			role = graph.Missing
		}
		if n.Role != role {
			t.Errorf("%s has the role %q", n.Ref.Name, n.Role)
		}
	}
}

// TestOwnRetriesOfAQueue checks the delays of queues that delay retries themselves.
func TestOwnRetriesOfAQueue(t *testing.T) {
	for want, args := range map[string]topology.Arguments{
		"":         {},
		"10s, 20s": {"x-delayed-retry-type": "failed", "x-delayed-retry-min": int64(10_000), "x-delivery-limit": int64(2)},
		"10s, 15s, 15s": {"x-delayed-retry-type": "all", "x-delayed-retry-min": int64(10_000),
			"x-delayed-retry-max": int64(15_000), "x-delivery-limit": int64(3)},
		"1s, 2s, 3s, 4s, 5s, …": {"x-delayed-retry-type": "failed", "x-delayed-retry-min": int64(1000)},
		"1s, 1s, 1s, 1s, 1s, …": {"x-delayed-retry-type": "failed", "x-delayed-retry-min": int64(1000),
			"x-delayed-retry-max": int64(1000), "x-delivery-limit": int64(-1)},
	} {
		for _, version := range []string{"4.3", "4.0"} {
			s := &topology.State{}
			if err := s.Add(&topology.Queue{VHost: "/", Name: "q", Type: topology.Quorum, Arguments: args},
				diag.Position{}); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range graph.New(s, graph.Options{Version: version}).Nodes[0].Facts {
				if f.Name == graph.RetryFact {
					got = f.Value
				}
			}
			if version == "4.0" && got != "" || version == "4.3" && got != want {
				t.Errorf("%v on %s: %q, want %q", args, version, got, want)
			}
		}
	}
}

// TestQueuesOfOneConnectionMissNothing checks that the queue of one connection, such as that of
// msgctl tail, is drawn without the queue that does not exist and would take its dead letters. The
// dead letters that reach a queue are drawn.
func TestQueuesOfOneConnectionMissNothing(t *testing.T) {
	for _, c := range []struct {
		exclusive bool
		key       string
		edges     int
	}{{true, "nowhere", 0}, {true, "dead", 1}, {false, "nowhere", 1}} {
		s := &topology.State{}
		for _, q := range []*topology.Queue{
			{VHost: "/", Name: "q", Type: topology.Classic, Exclusive: c.exclusive, Arguments: topology.Arguments{
				"x-dead-letter-exchange": "", "x-dead-letter-routing-key": c.key}},
			{VHost: "/", Name: "dead", Type: topology.Classic},
		} {
			if err := s.Add(q, diag.Position{}); err != nil {
				t.Fatal(err)
			}
		}
		g := graph.New(s, graph.Options{})
		missing := slices.ContainsFunc(g.Nodes, func(n graph.Node) bool { return n.Role == graph.Missing })
		if len(g.Edges) != c.edges || missing == (c.exclusive || c.key == "dead") {
			t.Errorf("%+v: %d edges, missing: %v", c, len(g.Edges), missing)
		}
	}
}
