package checks_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// TestReportFitsTheTerminal checks that the report of tests is wrapped to the width of the terminal
// and contains the same text as without a width.
func TestReportFitsTheTerminal(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("a department ", 10), " ")
	queue := strings.Repeat("a-department.", 5) + "queue"
	at := diag.Position{File: "topologies/orders.yaml", Line: 12, Column: 3}
	doc := checks.TestReport{Passed: 1, Failed: 1, Tests: []checks.TestResult{
		{Name: long, Passed: true},
		{Name: long, Position: at, Did: long, Expected: long, Happened: []string{queue, queue, "audit"},
			Failures: []routetest.Failure{{Message: "queue " + queue + " gets the message, too", Hop: "binding " + long}}},
	}, Coverage: &checks.Coverage{Bindings: routetest.Covered{Total: 1,
		Missing: []routetest.Missing{{What: long, Position: at}}}}}
	draw := func(width int) string {
		var b strings.Builder
		if err := checks.TestText(&b, doc, terminal.Styler{}, width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	for _, width := range []int{80, 100, 120} {
		got := draw(width)
		for line := range strings.Lines(got) {
			if terminal.Width(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("wider than %d columns: %q", width, line)
			}
		}
		if squeeze(got) != squeeze(draw(0)) {
			t.Errorf("in %d columns\n%s", width, got)
		}
	}
}
