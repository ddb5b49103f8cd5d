package render

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
	return DoctorDocument{FormatVersion: HealthFormatVersion, Verdict: health.WorstOf(results), Cluster: in.Cluster,
		Version: in.Version, Results: results}
}

// mostEvidence is how many sentences of an item are shown to a person.
const mostEvidence = 4

// DoctorText writes a checklist for a person, in its order. Names are neutralised.
func DoctorText(w io.Writer, d DoctorDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s  RabbitMQ %s\n\n", style.Bold(terminal.Neutralise(d.Cluster)), terminal.Neutralise(d.Version))
	counts := map[health.Verdict]int64{}
	for _, r := range d.Results {
		counts[r.Verdict]++
		result(b, r, style, width)
	}
	parts := []string{terminal.FormatPlural(counts[health.Error], "error", "errors"),
		terminal.FormatPlural(counts[health.Warning], "warning", "warnings"), fmt.Sprintf("%d ok", counts[health.OK])}
	if n := counts[health.Unknown]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", n))
	}
	fmt.Fprintf(b, "\n%s\n", strings.Join(parts, ", "))
	return b.Flush()
}

// result writes one item: its evidence behind its name, or on a narrow terminal below it.
func result(b *bufio.Writer, r health.Result, style terminal.Styler, width int) {
	const verdictWidth, idWidth = 11, 22
	mark, indent := verdictMark(r.Verdict, style)+style.Bold(fmt.Sprintf("%-*s", idWidth, r.ID)), strings.Repeat(" ",
		verdictWidth+idWidth)
	if width > 0 && width < narrow {
		fmt.Fprintln(b, strings.TrimRight(mark, " "))
		indent = strings.Repeat(" ", verdictWidth)
		mark = indent
	}
	line := func(mark, text string, style func(string) string) {
		for i, l := range fold(terminal.Neutralise(text), width, terminal.Width(indent)) {
			if i > 0 {
				mark = indent
			}
			fmt.Fprintln(b, mark+style(l))
		}
	}
	for _, e := range r.Evidence[:min(len(r.Evidence), mostEvidence)] {
		line(mark, e, func(s string) string { return s })
		mark = indent
	}
	if more := len(r.Evidence) - mostEvidence; more > 0 {
		fmt.Fprintf(b, "%s… and %d more (-o json has all)\n", indent, more)
	}
	if r.Why != "" {
		line(indent, "why: "+r.Why, style.Dim)
		line(indent, "fix: "+r.Fix, style.Dim)
	}
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
