package checks

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// coverageOf returns the coverage without colour, or "" if the report has none.
func coverageOf(doc TestReport) string {
	var b strings.Builder
	coverageText(&b, doc.Coverage, terminal.Styler{}, 0)
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

// TestJUnit writes a report as JUnit XML for CI systems.
func TestJUnit(w io.Writer, doc TestReport) error {
	suite := junitSuite{Name: "msgctl test", Tests: len(doc.Tests), Failures: doc.Failed,
		Time: fmt.Sprintf("%.3f", doc.Took.Seconds())}
	for _, t := range doc.Tests {
		c := junitCase{Name: terminal.Neutralise(t.Name), ClassName: "topology", File: terminal.Neutralise(t.Position.File),
			Line: t.Position.Line}
		if !t.Passed {
			c.Failure = &junitFailure{Message: failureText(t), Text: terminal.NeutraliseBlock(fmt.Sprintf(
				"%s\ndid: %s\nexpected: %s\nhappened: %s", t.Position, t.Did, t.Expected, happened(t)))}
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
