package status

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
)

// DoctorDocument contains the results of the production checklist, for other programs.
type DoctorDocument struct {
	FormatVersion string          `json:"format_version"`
	Status        health.Status   `json:"verdict"`
	Cluster       string          `json:"cluster"`
	Version       string          `json:"rabbitmq_version"`
	Results       []health.Result `json:"results"`
	// Closed says which vhosts the user may not read.
	Closed string `json:"closed,omitempty"`
}

// NewDoctorDocument returns the document of results.
func NewDoctorDocument(in *health.Inspection, results []health.Result) DoctorDocument {
	d := DoctorDocument{FormatVersion: FormatVersion, Status: health.WorstOf(results), Cluster: in.Cluster,
		Version: in.Version, Results: results}
	if len(in.Closed) > 0 {
		d.Closed = closedText(in)
	}
	return d
}

// maxEvidence is the maximum number of sentences to list per item.
const maxEvidence = 4

// DoctorText writes the results of a checklist for a person, in order.
func DoctorText(w io.Writer, d DoctorDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s  RabbitMQ %s\n\n", style.Bold(terminal.Neutralise(d.Cluster)), terminal.Neutralise(d.Version))
	counts := map[health.Status]int64{}
	for _, r := range d.Results {
		counts[r.Status]++
		writeResult(b, r, style, width)
	}
	parts := []string{terminal.FormatPlural(counts[health.Error], "error", "errors"),
		terminal.FormatPlural(counts[health.Warning], "warning", "warnings"), fmt.Sprintf("%d ok", counts[health.OK])}
	if n := counts[health.Unknown]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", n))
	}
	fmt.Fprintf(b, "\n%s\n", strings.Join(parts, ", "))
	if d.Closed != "" {
		render.Hanging(b, "", "not read: "+d.Closed, width, render.Plain)
	}
	return b.Flush()
}

// writeResult writes one item, with its evidence next to its name. On a narrow terminal, evidence
// that does not fit there is written below the name.
func writeResult(b *bufio.Writer, r health.Result, style terminal.Styler, width int) {
	const idWidth = 22
	label := statusLabel(r.Status, style) + style.Bold(r.ID)
	pad := strings.Repeat(" ", max(0, idWidth-len(r.ID)))
	indent := below + strings.Repeat(" ", idWidth)
	if render.IsNarrow(width) {
		fits := len(r.Evidence) == 1 && r.Why == "" &&
			len(indent)+terminal.Width(terminal.Neutralise(r.Evidence[0])) <= width
		if !fits {
			fmt.Fprintln(b, label)
			label, pad = below, ""
		}
		indent = below
	}
	label += pad
	for _, e := range r.Evidence[:min(len(r.Evidence), maxEvidence)] {
		render.Hanging(b, label, e, width, render.Plain)
		label = indent
	}
	if more := len(r.Evidence) - maxEvidence; more > 0 {
		fmt.Fprintf(b, "%s… and %d more (-o json has all)\n", indent, more)
	}
	if r.Why != "" {
		render.Hanging(b, indent, "why: "+r.Why, width, style.Dim)
		render.Hanging(b, indent, "fix: "+r.Fix, width, style.Dim)
	}
}

// DoctorItems writes a table of the items of the checklist.
func DoctorItems(w io.Writer, items []health.Check, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"ITEM", "WHAT SHOULD BE SO"}}
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
