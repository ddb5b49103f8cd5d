package checks

import (
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
)

// TestReport contains the results of routing tests, for other programs.
type TestReport struct {
	FormatVersion string       `json:"format_version"`
	Passed        int          `json:"passed"`
	Failed        int          `json:"failed"`
	Live          bool         `json:"live"`
	Tests         []TestResult `json:"tests"`
	Coverage      *Coverage    `json:"coverage,omitempty"`
	// Took is the duration of the tests. It is not in the document, so that equal results have
	// equal documents.
	Took time.Duration `json:"-"`
}

// Coverage is how much of the topology the tests exercise.
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
	// Did describes what the test does, Expected what it expects.
	Did      string              `json:"did"`
	Expected string              `json:"expected"`
	Happened []string            `json:"happened"`
	OneOf    bool                `json:"one_of,omitempty"`
	Failures []routetest.Failure `json:"failures,omitempty"`
	Route    *route.Trace        `json:"route,omitempty"`
}

// NewTestReport returns the report of results.
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
