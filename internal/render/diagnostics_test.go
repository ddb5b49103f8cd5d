package render

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// TestDiagnosticsFitTheTerminal checks that every line of a problem fits the width, and that
// without a width the problem is one line.
func TestDiagnosticsFitTheTerminal(t *testing.T) {
	d := diag.Diagnostic{Severity: diag.Error, Position: diag.Position{File: "topology.yaml", Line: 120, Column: 14},
		Object:  `queue "orders.created.billing"`,
		Message: "its dead letters reach no queue: exchange \"dlx\" has no binding that takes the key \"orders\"",
		Why:     strings.Repeat("why ", 40), Fix: strings.Repeat("fix ", 40)}
	for _, file := range []string{"topology.yaml", "deploy/production/rabbitmq/topology.yaml"} {
		d.Position.File = file
		var narrow, pipe strings.Builder
		Diagnostic(&narrow, d, "dead-letter-unroutable", terminal.Styler{}, 80)
		for line := range strings.Lines(narrow.String()) {
			if n := terminal.Width(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		Diagnostic(&pipe, d, "dead-letter-unroutable", terminal.Styler{}, 0)
		head, _, _ := strings.Cut(pipe.String(), "\n")
		if want := file + ":120:14: error: " + d.Object + ": " + d.Message + " [dead-letter-unroutable]"; head != want {
			t.Errorf("got %q, want %q", head, want)
		}
		if strings.Join(strings.Fields(narrow.String()), " ") != strings.Join(strings.Fields(pipe.String()), " ") {
			t.Errorf("the narrow one says something else:\n%s", narrow.String())
		}
	}
}
