package topology

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

const validateLong = `Check topology files without a broker, for example in a pull request. The files
are parsed, and everything that does not need a broker is checked: unknown
fields, wrong types and units, references to undeclared objects, arguments that
the queue type does not accept, and dead-letter exchanges and keys that lead to
no queue. All problems are reported at once, each with file:line:column, the
reason and the correction.

Exit code 0: the files are valid; warnings do not count. 1: they are not.`

type validateOptions struct {
	proc   *cmdutil.Process
	files  cmdutil.FileFlag
	output cmdutil.OutputFlag
}

// validateDocument is what `validate -o json` prints.
type validateDocument struct {
	FormatVersion string           `json:"format_version"`
	Valid         bool             `json:"valid"`
	Objects       int              `json:"objects"`
	Problems      diag.Diagnostics `json:"problems"`
}

// NewValidateCmd is msgctl validate.
func NewValidateCmd(d *cmdutil.Process) *cobra.Command {
	opts := &validateOptions{proc: d}
	cmd := &cobra.Command{
		Use:     "validate",
		GroupID: cmdutil.GroupTopology,
		Short:   "Check topology files without a broker",
		Long:    validateLong,
		Example: "  msgctl validate -f topology.yaml\n  msgctl validate -f base.yaml -f production.yaml\n  cat " +
			"definitions.json | msgctl validate -f - -o json",
		Args: cmdutil.Args(),
		RunE: func(*cobra.Command, []string) error { return runValidate(opts) },
	}
	opts.files.Register(cmd)
	opts.output.Register(cmd, "text", "json", "yaml")
	return cmd
}

func runValidate(opts *validateOptions) error {
	names, err := opts.files.Names(opts.proc, "")
	if err != nil {
		return err
	}
	state, problems, err := opts.proc.ReadState(names, cmdutil.VHostChoice{}, false)
	if err != nil {
		return err
	}
	doc := validateDocument{FormatVersion: "1", Valid: !problems.HasErrors(), Problems: problems}
	if doc.Problems == nil {
		doc.Problems = diag.Diagnostics{}
	}
	if state != nil {
		doc.Objects = state.Len()
	}
	if err := opts.show(doc, state); err != nil {
		return err
	}
	if !doc.Valid {
		return cmdutil.ExitWith(cmdutil.ExitFailed)
	}
	return nil
}

func (o *validateOptions) show(doc validateDocument, state *topology.State) error {
	streams := o.proc.Streams
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	style := streams.OutStyler(o.proc.Colour)
	if err := render.Diagnostics(streams.Out, doc.Problems, style, streams.OutWidth()); err != nil {
		return err
	}
	warnings := int64(len(doc.Problems) - doc.Problems.Errors())
	if !doc.Valid {
		_, err := fmt.Fprintf(streams.Out, "%s %s, %s\n", style.Red("Not valid:"),
			terminal.FormatPlural(int64(doc.Problems.Errors()), "error", "errors"),
			terminal.FormatPlural(warnings, "warning", "warnings"))
		return err
	}
	text := "Valid: " + render.ObjectCounts(state)
	if warnings > 0 {
		text += ", " + terminal.FormatPlural(warnings, "warning", "warnings")
	}
	return render.Paragraph(streams.Out, text, streams.OutWidth(), style.Green)
}
