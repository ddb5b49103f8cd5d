package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// TestReport is what `test -o json` prints, and what its other formats are made from.
type TestReport struct {
	FormatVersion string       `json:"format_version"`
	Passed        int          `json:"passed"`
	Failed        int          `json:"failed"`
	Live          bool         `json:"live"`
	Tests         []TestResult `json:"tests"`
	Coverage      *Coverage    `json:"coverage,omitempty"`
	// Took is for people.
	Took time.Duration `json:"-"`
}

// Coverage is what the tests exercise.
type Coverage struct {
	Bindings    routetest.Covered `json:"bindings"`
	DeadLetters routetest.Covered `json:"dead_letters"`
	Events      routetest.Covered `json:"events"`
}

// TestResult is one test of a TestReport.
type TestResult struct {
	Name     string        `json:"name"`
	Position diag.Position `json:"position,omitzero"`
	Passed   bool          `json:"passed"`
	// Did says what the test does, Expected what it wants.
	Did      string              `json:"did"`
	Expected string              `json:"expected"`
	Happened []string            `json:"happened"`
	OneOf    bool                `json:"one_of,omitempty"`
	Failures []routetest.Failure `json:"failures,omitempty"`
	Route    *route.Trace        `json:"route,omitempty"`
}

// NewTestReport makes the report of results.
func NewTestReport(results []routetest.Result, live bool, took time.Duration) TestReport {
	doc := TestReport{FormatVersion: "1", Live: live, Tests: []TestResult{}, Took: took}
	for _, r := range results {
		doc.Tests = append(doc.Tests, TestResult{
			Name: r.Case.Name, Position: r.Case.Position, Passed: r.Passed(), Did: did(r.Case), Expected: expected(r.Case),
			Happened: listOrEmpty(r.Happened), OneOf: r.OneOf, Failures: r.Failures, Route: r.Trace,
		})
		if r.Passed() {
			doc.Passed++
		} else {
			doc.Failed++
		}
	}
	return doc
}

func did(c routetest.Case) string {
	s := fmt.Sprintf("publish to %s with key %q", route.NameOf(c.Publication.Exchange), c.Publication.Key)
	if c.Event != "" {
		s = fmt.Sprintf("publish %s (%s, key %q)", c.Event, route.NameOf(c.Publication.Exchange), c.Publication.Key)
	}
	if len(c.Publication.Headers) > 0 {
		s += ", headers " + c.Publication.Headers.Canonical()
	}
	for _, step := range c.Steps {
		s += ", " + stepVerb(step.Reason) + " in " + step.Queue
	}
	return s
}

func stepVerb(r route.Reason) string {
	return map[route.Reason]string{route.Rejected: "reject", route.Expired: "expire", route.MaxLength: "overflow",
		route.DeliveryLimit: "exhaust"}[r]
}

func expected(c routetest.Case) string {
	var parts []string
	if c.HasExpect {
		parts = append(parts, "exactly "+queueList(c.Expect))
	}
	if len(c.Contains) > 0 {
		parts = append(parts, "among others "+queueList(c.Contains))
	}
	if len(c.Never) > 0 {
		parts = append(parts, "never "+queueList(c.Never))
	}
	if c.Lost != nil {
		parts = append(parts, map[bool]string{true: "lost", false: "not lost"}[*c.Lost])
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func queueList(names []string) string {
	if len(names) == 0 {
		return "no queue"
	}
	return strings.Join(names, ", ")
}

// TestText writes a report for a person: every test on a line, and what is wrong with those that
// failed.
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

// coverageOf is the coverage in lines without colour, "" when nobody asked for it.
func coverageOf(doc TestReport) string {
	var b strings.Builder
	coverageText(&b, doc.Coverage, terminal.Styler{})
	if b.Len() == 0 {
		return ""
	}
	return strings.Trim(b.String(), "\n") + "\n"
}

// TestTAP writes a report in the Test Anything Protocol, version 13.
func TestTAP(w io.Writer, doc TestReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", len(doc.Tests))
	for i, t := range doc.Tests {
		status := "ok"
		if !t.Passed {
			status = "not ok"
		}
		fmt.Fprintf(&b, "%s %d - %s\n", status, i+1, strings.ReplaceAll(terminal.Neutralise(t.Name), "#", `\#`))
		if t.Passed {
			continue
		}
		fmt.Fprintf(&b, "  ---\n  message: %q\n  at: %q\n  did: %q\n  expected: %q\n  happened: %q\n  ...\n", failureText(t),
			t.Position.String(), t.Did, t.Expected, happened(t))
	}
	for line := range strings.Lines(coverageOf(doc)) {
		fmt.Fprintf(&b, "# %s", line)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write TAP: %w", err)
	}
	return nil
}

func failureText(t TestResult) string {
	var lines []string
	for _, f := range t.Failures {
		s := f.Message
		if f.Hop != "" {
			s += " (" + f.Hop + ")"
		}
		lines = append(lines, s)
	}
	return terminal.Neutralise(strings.Join(lines, "; "))
}

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	Out      string      `xml:"system-out,omitempty"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	File      string        `xml:"file,attr,omitempty"`
	Line      int           `xml:"line,attr,omitempty"`
	Failure   *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// TestJUnit writes a report as JUnit XML, as CI systems read it.
func TestJUnit(w io.Writer, doc TestReport) error {
	suite := junitSuite{Name: "msgctl test", Tests: len(doc.Tests), Failures: doc.Failed,
		Time: fmt.Sprintf("%.3f", doc.Took.Seconds())}
	for _, t := range doc.Tests {
		c := junitCase{Name: t.Name, ClassName: "topology", File: t.Position.File, Line: t.Position.Line}
		if !t.Passed {
			c.Failure = &junitFailure{Message: failureText(t), Text: fmt.Sprintf("%s\ndid: %s\nexpected: %s\nhappened: %s",
				t.Position, t.Did, t.Expected, happened(t))}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Out = coverageOf(doc)
	text, err := xml.MarshalIndent(junitSuites{Suite: suite}, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}
