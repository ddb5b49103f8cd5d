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
