package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// LintDocument is what `lint --format json` prints.
type LintDocument struct {
	FormatVersion string `json:"format_version"`
	// Broker is the version that was judged for; "" is the newest.
	Broker   string         `json:"broker,omitempty"`
	Objects  int            `json:"objects"`
	Findings []lint.Finding `json:"findings"`
	// Counts are of the findings that count: those that nobody lets pass.
	Counts map[lint.Severity]int `json:"counts"`
	// Ignored counts those that a comment or the configuration lets pass.
	Ignored int `json:"ignored"`
}

// NewLintDocument counts findings.
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

// LintText writes findings for a person, as Diagnostics does, with their rule. Those that are let
// pass are only counted.
func LintText(w io.Writer, doc LintDocument, style terminal.Styler, width int) error {
	var b strings.Builder
	for _, f := range doc.Findings {
		if f.Ignored == "" {
			b.WriteString(findingText(f, style, width))
		}
	}
	text := "No findings"
	total := doc.Counts[lint.Error] + doc.Counts[lint.Warning] + doc.Counts[lint.Note]
	paint := style.Green
	if total > 0 {
		text = fmt.Sprintf("%s, %s, %s", terminal.FormatPlural(int64(doc.Counts[lint.Error]), "error", "errors"),
			terminal.FormatPlural(int64(doc.Counts[lint.Warning]), "warning",
				"warnings"), terminal.FormatPlural(int64(doc.Counts[lint.Note]), "note", "notes"))
		paint = paintOf(worstOf(doc), style)
	}
	text += " in " + terminal.FormatPlural(int64(doc.Objects), "object", "objects")
	if doc.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored", doc.Ignored)
	}
	b.WriteString(paint(text) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func worstOf(doc LintDocument) lint.Severity {
	for _, s := range []lint.Severity{lint.Error, lint.Warning} {
		if doc.Counts[s] > 0 {
			return s
		}
	}
	return lint.Note
}

func paintOf(s lint.Severity, style terminal.Styler) func(string) string {
	switch s {
	case lint.Error:
		return style.Red
	case lint.Warning:
		return style.Yellow
	}
	return style.Dim
}

func findingText(f lint.Finding, style terminal.Styler, width int) string {
	s := ""
	if !f.Position.IsZero() {
		s = style.Bold(terminal.Neutralise(f.Position.String())+":") + " "
	}
	s += paintOf(f.Severity, style)(string(f.Severity)+":") + " "
	if f.Object != "" {
		s += terminal.Neutralise(f.Object) + ": "
	}
	s += terminal.Neutralise(f.Message) + " " + style.Dim("["+f.Rule+"]") + "\n"
	if f.Why != "" {
		s += remark("why: ", f.Why, style, width)
	}
	if f.Fix != "" {
		s += remark("fix: ", f.Fix, style, width)
	}
	return s
}

// LintRules lists rules.
func LintRules(w io.Writer, rules []lint.Rule, style terminal.Styler, width int) error {
	t := Table{Headers: []string{"RULE", "SEVERITY", "FINDS"}}
	for _, r := range rules {
		title := r.Title
		if r.Live {
			title += " (--live)"
		}
		t.Rows = append(t.Rows, []string{r.ID, string(r.Severity), title})
	}
	t.Style = func(row, column int, text string) string {
		if column == 1 && row >= 0 && row < len(rules) {
			return paintOf(rules[row].Severity, style)(text)
		}
		return text
	}
	return t.Write(w, width)
}
