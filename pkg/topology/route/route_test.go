package route_test

import (
	"slices"
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
	return &topology.Binding{VHost: "/", Source: source, Destination: queue, DestinationType: topology.ToQueue, RoutingKey: key, Arguments: a}
}

func bindX(source, key, exchange string) *topology.Binding {
	return &topology.Binding{VHost: "/", Source: source, Destination: exchange, DestinationType: topology.ToExchange, RoutingKey: key}
}

func policy(name, pattern, applyTo string, priority int64, d args) *topology.Policy {
	return &topology.Policy{VHost: "/", Name: name, Pattern: pattern, ApplyTo: applyTo, Priority: priority, Definition: d}
}

func deadLetter(exchange, key string) args {
	return args{"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": key}
}

func TestALadderEndsWhereItBegan(t *testing.T) {
	n := network(t, "", queue("work", deadLetter("", "wait")), queue("wait", args{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work", "x-message-ttl": int64(5000)}))
	trace, err := n.Follow(route.Publication{Key: "work"}, route.Step{Queue: "work", Reason: route.Rejected})
	if err != nil || !slices.Equal(trace.Sure(), []string{"work"}) || len(trace.Fates) != 2 || !trace.Fates[1].Wait {
		t.Errorf("rejected: %v in %v after %d fates", err, trace.Sure(), len(trace.Fates))
	}
	trace, err = n.Follow(route.Publication{Key: "work"}, route.Step{Queue: "work", Reason: route.Expired})
	if err != nil || !trace.Lost() {
		t.Errorf("expired: %v in %v", err, trace.Possible())
	}
}
