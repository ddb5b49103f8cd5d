package view

import (
	"fmt"
	"io"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Diagnostics writes problems for a person: a line with place, severity, object and fault, then indented why it matters
// and what to write instead. The order is the list's own.
func Diagnostics(w io.Writer, list diag.Diagnostics, style terminal.Styler) error {
	for _, d := range list {
		if _, err := io.WriteString(w, diagnosticText(d, style)); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}

func diagnosticText(d diag.Diagnostic, style terminal.Styler) string {
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
		s += style.Dim("    why: ") + terminal.Neutralise(d.Why) + "\n"
	}
	if d.Fix != "" {
		s += style.Dim("    fix: ") + terminal.Neutralise(d.Fix) + "\n"
	}
	return s
}
