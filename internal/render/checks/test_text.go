package checks

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// TestText writes a report for a person: a line per test, the reasons why it failed below, then the
// counts. Lines have at most width columns; 0 means no limit.
func TestText(w io.Writer, doc TestReport, style terminal.Styler, width int) error {
	var b strings.Builder
	for _, t := range doc.Tests {
		if t.Passed {
			render.Labelled(&b, style.Green("ok  ")+" ", t.Name, width, render.Plain)
			continue
		}
		failedText(&b, t, style, width)
	}
	coverageText(&b, doc.Coverage, style, width)
	fmt.Fprintf(&b, "%s\n", testSummary(doc, style))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the tests: %w", err)
	}
	return nil
}

func failedText(b *strings.Builder, t TestResult, style terminal.Styler, width int) {
	withPosition(b, style.Red("FAIL")+" ", t.Name, t.Position, width, style, style.Bold)
	line := func(label, text string) {
		render.Labelled(b, "       "+style.Dim(fmt.Sprintf("%-9s", label))+" ", text, width, render.Plain)
	}
	line("did", t.Did)
	line("expected", t.Expected)
	line("happened", happened(t))
	for _, f := range t.Failures {
		render.Labelled(b, "       ", f.Message, width, style.Red)
		if f.Hop != "" {
			render.Labelled(b, "         "+style.Dim("where they part:")+" ", f.Hop, width, render.Plain)
		}
	}
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

func coverageText(b *strings.Builder, c *Coverage, style terminal.Styler, width int) {
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
			withPosition(b, "  "+style.Yellow("not")+" ", m.What, m.Position, width, style, render.Plain)
		}
	}
	b.WriteString("\n")
}

// withPosition writes a label, a text and its position: on one line if that is no wider than width,
// else the position below.
func withPosition(b *strings.Builder, label, text string, position diag.Position, width int, style terminal.Styler,
	paint func(string) string) {
	const indent = "       " // no label is wider
	name, at := terminal.Neutralise(text), terminal.Neutralise(position.String())
	if width <= 0 || len(indent)+terminal.Width(name+"  "+at) <= width {
		fmt.Fprintf(b, "%s%s  %s\n", label, paint(name), style.Dim(at))
		return
	}
	render.Labelled(b, label, text, width, paint)
	render.Labelled(b, indent, at, width, style.Dim)
}
