package checks

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// TestText writes a report for a person: a line per test, the reasons why it failed below, then the
// counts.
func TestText(w io.Writer, doc TestReport, style terminal.Styler) error {
	var b strings.Builder
	for _, t := range doc.Tests {
		if t.Passed {
			fmt.Fprintf(&b, "%s %s\n", style.Green("ok  "), terminal.Neutralise(t.Name))
			continue
		}
		fmt.Fprintf(&b, "%s %s  %s\n", style.Red("FAIL"), style.Bold(terminal.Neutralise(t.Name)),
			style.Dim(terminal.Neutralise(t.Position.String())))
		line := func(label, text string) {
			fmt.Fprintf(&b, "       %s %s\n", style.Dim(fmt.Sprintf("%-9s", label)), terminal.Neutralise(text))
		}
		line("did", t.Did)
		line("expected", t.Expected)
		line("happened", happened(t))
		for _, f := range t.Failures {
			fmt.Fprintf(&b, "       %s\n", style.Red(terminal.Neutralise(f.Message)))
			if f.Hop != "" {
				fmt.Fprintf(&b, "         %s %s\n", style.Dim("where they part:"), terminal.Neutralise(f.Hop))
			}
		}
	}
	coverageText(&b, doc.Coverage, style)
	fmt.Fprintf(&b, "%s\n", testSummary(doc, style))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the tests: %w", err)
	}
	return nil
}

func happened(t TestResult) string {
	s := queueList(t.Happened)
	if len(t.Happened) == 0 {
		s = "lost: no queue has the message"
	}
	if t.OneOf {
		s = "some of " + s + " (an exchange chooses)"
	}
	return s
}

func testSummary(doc TestReport, style terminal.Styler) string {
	where := "simulated"
	if doc.Live {
		where = "on a broker"
	}
	tail := fmt.Sprintf(" (%s, %s)", where, doc.Took.Round(100*time.Microsecond))
	if doc.Failed > 0 {
		return style.Red(fmt.Sprintf("%d of %s failed", doc.Failed,
			terminal.FormatPlural(int64(len(doc.Tests)), "test", "tests"))) + tail
	}
	return style.Green(terminal.FormatPlural(int64(doc.Passed), "test", "tests")+" passed") + tail
}

func coverageText(b *strings.Builder, c *Coverage, style terminal.Styler) {
	if c == nil {
		return
	}
	b.WriteString("\n")
	for _, part := range []struct {
		name string
		routetest.Covered
	}{{"bindings", c.Bindings}, {"dead-letter paths", c.DeadLetters}, {"events", c.Events}} {
		fmt.Fprintf(b, "%d of %d %s exercised\n", part.Covered.Covered, part.Total, part.name)
		for _, m := range part.Missing {
			fmt.Fprintf(b, "  %s %s  %s\n", style.Yellow("not"), terminal.Neutralise(m.What),
				style.Dim(terminal.Neutralise(m.Position.String())))
		}
	}
	b.WriteString("\n")
}
