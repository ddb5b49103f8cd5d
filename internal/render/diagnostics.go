package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Diagnostics writes problems for a person: a line with place, severity, object and fault, then
// indented why it matters and what to write instead, folded at width columns (0: never). The order
// is the list's own.
func Diagnostics(w io.Writer, list diag.Diagnostics, style terminal.Styler, width int) error {
	for _, d := range list {
		if _, err := io.WriteString(w, diagnosticText(d, style, width)); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}

func diagnosticText(d diag.Diagnostic, style terminal.Styler, width int) string {
	mark := style.Red
	if d.Severity == diag.Warning {
		mark = style.Yellow
	}
	s := ""
	if !d.Position.IsZero() {
		s = style.Bold(terminal.Neutralise(d.Position.String())+":") + " "
	}
	s += mark(string(d.Severity)+":") + " "
	if d.Object != "" {
		s += terminal.Neutralise(d.Object) + ": "
	}
	s += terminal.Neutralise(d.Message) + "\n"
	if d.Why != "" {
		s += remark("why: ", d.Why, style, width)
	}
	if d.Fix != "" {
		s += remark("fix: ", d.Fix, style, width)
	}
	return s
}

func remark(label, text string, style terminal.Styler, width int) string {
	const indent = 4
	s := ""
	for i, line := range fold(terminal.Neutralise(text), width, indent+len(label)) {
		if i == 0 {
			s += strings.Repeat(" ", indent) + style.Dim(label) + line + "\n"
		} else {
			s += strings.Repeat(" ", indent+len(label)) + line + "\n"
		}
	}
	return s
}
