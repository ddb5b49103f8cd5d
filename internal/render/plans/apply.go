package plans

import (
	"bufio"
	"fmt"
	"io"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// ApplyFormatVersion is the version of ApplyDocument; see FormatVersion.
const ApplyFormatVersion = "1"

// ApplyDocument is the outcome of apply or destroy for other programs.
type ApplyDocument struct {
	FormatVersion string         `json:"format_version"`
	Topology      string         `json:"topology,omitempty"`
	Broker        BrokerDocument `json:"broker"`
	Done          int            `json:"done"`
	Failed        int            `json:"failed"`
	Skipped       int            `json:"skipped"`
	Unchanged     int            `json:"unchanged"`
	Interrupted   bool           `json:"interrupted"`
	// OwnershipError says why the record of ownership could not be written.
	OwnershipError string `json:"ownership_error,omitempty"`
	ElapsedMS      int64  `json:"elapsed_ms"`
	// Steps are all steps of the plan, in its order.
	Steps []StepDocument `json:"steps"`
}

// StepDocument is the outcome of one step.
type StepDocument struct {
	Action  plan.Action   `json:"action"`
	Object  string        `json:"object"`
	Ref     topology.Ref  `json:"ref"`
	Outcome apply.Outcome `json:"outcome"`
	Error   string        `json:"error,omitempty"`
}

// NewApplyDocument returns the document of a plan and the result of its execution.
func NewApplyDocument(p *plan.Plan, r apply.Result) ApplyDocument {
	doc := ApplyDocument{
		FormatVersion: ApplyFormatVersion, Topology: p.Name, Unchanged: p.Unchanged, Interrupted: r.Interrupted,
		Broker: BrokerDocument{Version: p.Server.Version, Cluster: p.Server.ClusterName},
		Done:   r.Count(apply.Done), Failed: r.Count(apply.Failed), Skipped: r.Count(apply.Skipped),
		ElapsedMS: r.Elapsed.Milliseconds(), Steps: make([]StepDocument, 0, len(p.Steps)),
	}
	if r.OwnershipErr != nil {
		doc.OwnershipError = r.OwnershipErr.Error()
	}
	for i, outcome := range r.Steps {
		doc.add(p.Steps[i], outcome)
	}
	return doc
}

func (doc *ApplyDocument) add(step plan.Step, r apply.StepResult) {
	s := StepDocument{Action: step.Action, Object: step.Ref.Full(), Ref: step.Ref, Outcome: r.Outcome}
	if r.Err != nil {
		s.Error = r.Err.Error()
	}
	doc.Steps = append(doc.Steps, s)
}

// ApplyText writes the outcome for a person: the steps that failed or were skipped, with the
// reason, then the counts. It does not list completed steps, because the plan has shown them.
func ApplyText(w io.Writer, doc ApplyDocument, style terminal.Styler) error {
	b := bufio.NewWriter(w)
	skipped := 0
	for _, s := range doc.Steps {
		switch s.Outcome {
		case apply.Failed:
			fmt.Fprintf(b, "%s %s %s: %s\n", style.Red("failed"), s.Action, terminal.Neutralise(s.Object),
				terminal.Neutralise(s.Error))
		case apply.Skipped:
			if skipped++; skipped <= maxListed {
				fmt.Fprintf(b, "%s %s %s: %s\n", style.Yellow("not done"), s.Action, terminal.Neutralise(s.Object),
					terminal.Neutralise(s.Error))
			}
		}
	}
	if skipped > maxListed {
		fmt.Fprintf(b, "%s … and %d more\n", style.Yellow("not done"), skipped-maxListed)
	}
	if doc.OwnershipError != "" {
		fmt.Fprintf(b, "%s the record of what this topology owns could not be written: %s\n", style.Yellow("warning:"),
			terminal.Neutralise(doc.OwnershipError))
	}
	fmt.Fprintln(b, style.Bold(applySummary(doc)))
	return b.Flush()
}

func applySummary(doc ApplyDocument) string {
	text := fmt.Sprintf("Done: %s in %s", terminal.FormatPlural(int64(doc.Done), "change", "changes"),
		render.Elapsed(doc.ElapsedMS))
	if doc.Failed > 0 {
		text += fmt.Sprintf("; %d failed", doc.Failed)
	}
	if doc.Skipped > 0 {
		text += fmt.Sprintf("; %d not done", doc.Skipped)
	}
	text += fmt.Sprintf("; %d unchanged.", doc.Unchanged)
	switch {
	case doc.Interrupted:
		text += " Interrupted: changes that had begun were finished. Run the same command again to continue."
	case doc.Failed+doc.Skipped > 0:
		text += " Fix the causes above and run the same command again: it continues where this one stopped."
	}
	return text
}
