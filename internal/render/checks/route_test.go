package checks_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// TestRouteFitsTheTerminal checks that lines are wrapped to the width of the terminal, within the
// tree, and contain the same text as without a width.
func TestRouteFitsTheTerminal(t *testing.T) {
	s := &topology.State{}
	long := strings.Repeat("a-department.", 8)
	for _, o := range []topology.Object{
		&topology.Exchange{VHost: "/", Name: long + "exchange", Type: "topic"},
		&topology.Queue{VHost: "/", Name: long + "first", Type: topology.Quorum, Arguments: topology.Arguments{
			"x-dead-letter-exchange": "", "x-dead-letter-routing-key": long + "dead"}},
		&topology.Queue{VHost: "/", Name: "second", Type: topology.Classic},
		&topology.Queue{VHost: "/", Name: long + "dead", Type: topology.Classic},
		&topology.Binding{VHost: "/", Source: long + "exchange", Destination: long + "first",
			DestinationType: topology.ToQueue, RoutingKey: "order.*.created.#"},
		&topology.Binding{VHost: "/", Source: long + "exchange", Destination: "second",
			DestinationType: topology.ToQueue, RoutingKey: "#"},
	} {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	trace, err := route.New(s, "/", "4.3").Follow(route.Publication{Exchange: long + "exchange", Key: "order.eu.created"},
		route.Step{Queue: long + "first", Reason: route.Rejected})
	if err != nil {
		t.Fatal(err)
	}
	draw := func(width int) string {
		var b strings.Builder
		if err := checks.RouteText(&b, trace, terminal.Styler{}, width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	whole := draw(0)
	letters := func(text string) string { return strings.NewReplacer(" ", "", "\n", "", "│", "").Replace(text) }
	for _, width := range []int{40, 80, 120, 200} {
		text := draw(width)
		for line := range strings.Lines(text) {
			if n := terminal.Width(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		if letters(text) != letters(whole) {
			t.Errorf("at %d columns it says something else:\n%s", width, text)
		}
	}
	if strings.Count(whole, "\n") > 12 {
		t.Errorf("lines are broken without a terminal:\n%s", whole)
	}
}
