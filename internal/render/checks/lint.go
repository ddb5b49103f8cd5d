// Package checks renders the results of checks of a topology: the findings of lint, the results of
// routing tests, and the route of a message.
package checks

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// LintDocument contains the findings of lint, for other programs.
type LintDocument struct {
	FormatVersion string `json:"format_version"`
	// Broker is the version of RabbitMQ that the rules assume. "" is the newest.
	Broker   string         `json:"broker,omitempty"`
	Objects  int            `json:"objects"`
	Findings []lint.Finding `json:"findings"`
	// Counts is the number of findings of each severity that are not ignored.
	Counts map[lint.Severity]int `json:"counts"`
	// Ignored is the number of findings that a comment or the configuration ignores.
	Ignored int `json:"ignored"`
}

// NewLintDocument returns the document of findings.
func NewLintDocument(list []lint.Finding, broker string, objects int) LintDocument {
	d := LintDocument{FormatVersion: "1", Broker: broker, Objects: objects, Findings: list,
		Counts: map[lint.Severity]int{lint.Error: 0, lint.Warning: 0, lint.Note: 0}}
	if d.Findings == nil {
		d.Findings = []lint.Finding{}
	}
	for _, f := range list {
		if f.Ignored != "" {
			d.Ignored++
		} else {
			d.Counts[f.Severity]++
		}
	}
	return d
}

// LintText writes findings for a person in the form of render.Diagnostics, each with its rule, then
// the counts. It omits ignored findings.
func LintText(w io.Writer, doc LintDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	for _, f := range doc.Findings {
		if f.Ignored == "" {
			render.Diagnostic(b, diagnostic(f), f.Rule, style, width)
		}
	}
	fmt.Fprintln(b, lintSummary(doc, style))
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func diagnostic(f lint.Finding) diag.Diagnostic {
	return diag.Diagnostic{Severity: diag.Severity(f.Severity), Position: f.Position, Object: f.Object,
		Message: f.Message, Why: f.Why, Fix: f.Fix}
}

func lintSummary(doc LintDocument, style terminal.Styler) string {
	objects := " in " + terminal.FormatPlural(int64(doc.Objects), "object", "objects")
	if doc.Ignored > 0 {
		objects += fmt.Sprintf(", %d ignored", doc.Ignored)
	}
	worst, total := lint.Off, 0
	var parts []string
	for _, s := range []lint.Severity{lint.Error, lint.Warning, lint.Note} {
		n := doc.Counts[s]
		parts = append(parts, terminal.FormatPlural(int64(n), string(s), string(s)+"s"))
		if n > 0 && total == 0 {
			worst = s
		}
		total += n
	}
	if total == 0 {
		return style.Green("No findings" + objects)
	}
	return severityStyle(worst, style)(strings.Join(parts, ", ") + objects)
}

func severityStyle(s lint.Severity, style terminal.Styler) func(string) string {
	return render.SeverityStyle(diag.Severity(s), style)
}

// LintRules writes a table of rules.
func LintRules(w io.Writer, rules []lint.Rule, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"RULE", "SEVERITY", "FINDS"}}
	for _, r := range rules {
		title := r.Title
		if r.Live {
			title += " (--live)"
		}
		t.Rows = append(t.Rows, []string{r.ID, string(r.Severity), title})
	}
	t.Style = func(row, column int, text string) string {
		if column == 1 {
			return severityStyle(rules[row].Severity, style)(text)
		}
		return text
	}
	return t.Write(w, width)
}
