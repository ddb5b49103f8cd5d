package view

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/terminal"
)

// DoctorDocument is the production checklist, gone through.
type DoctorDocument struct {
	FormatVersion string          `json:"format_version"`
	Verdict       health.Verdict  `json:"verdict"`
	Cluster       string          `json:"cluster"`
	Version       string          `json:"rabbitmq_version"`
	Results       []health.Result `json:"results"`
}

// NewDoctorDocument makes a document of results.
func NewDoctorDocument(in *health.Inspection, results []health.Result) DoctorDocument {
	return DoctorDocument{FormatVersion: HealthFormatVersion, Verdict: health.WorstOf(results), Cluster: in.Cluster, Version: in.Version, Results: results}
}

// mostEvidence is how many sentences of an item are shown to a person.
const mostEvidence = 4

// DoctorText writes a checklist for a person, in its order. Names are neutralised.
func DoctorText(w io.Writer, d DoctorDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s  RabbitMQ %s\n\n", style.Bold(terminal.Neutralise(d.Cluster)), terminal.Neutralise(d.Version))
	counts := map[health.Verdict]int64{}
	indent := strings.Repeat(" ", 33)
	plain := func(s string) string { return s }
	for _, r := range d.Results {
		counts[r.Verdict]++
		mark := verdictMark(r.Verdict, style) + style.Bold(fmt.Sprintf("%-22s", r.ID))
		for _, e := range r.Evidence[:min(len(r.Evidence), mostEvidence)] {
			foldedStyle(b, mark, e, width, plain)
			mark = indent
		}
		if more := len(r.Evidence) - mostEvidence; more > 0 {
			fmt.Fprintf(b, "%s… and %d more (-o json has all)\n", indent, more)
		}
		if r.Why != "" {
			foldedStyle(b, indent+"why: ", r.Why, width, style.Dim)
			foldedStyle(b, indent+"fix: ", r.Fix, width, style.Dim)
		}
	}
	parts := []string{terminal.FormatPlural(counts[health.Error], "error", "errors"), terminal.FormatPlural(counts[health.Warning], "warning", "warnings"), fmt.Sprintf("%d ok", counts[health.OK])}
	if n := counts[health.Unknown]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", n))
	}
	fmt.Fprintf(b, "\n%s\n", strings.Join(parts, ", "))
	return b.Flush()
}

// DoctorItems lists the items of the checklist.
func DoctorItems(w io.Writer, items []health.Item, style terminal.Styler, width int) error {
	t := Table{Headers: []string{"ITEM", "WHAT SHOULD BE SO"}}
	for _, i := range items {
		t.Rows = append(t.Rows, []string{i.ID, i.Title})
	}
	t.Style = func(_, column int, text string) string {
		if column == 0 {
			return style.Bold(text)
		}
		return text
	}
	return t.Write(w, width)
}
