package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Diagnostics writes problems for a person, in the order of the list. Each has a line with the
// position, severity, object and message, and below it why the problem matters and how to fix it.
func Diagnostics(w io.Writer, list diag.Diagnostics, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	for _, d := range list {
		Diagnostic(b, d, "", style, width)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write diagnostics: %w", err)
	}
	return nil
}

// Diagnostic writes one problem. The name of the rule that found it, if not empty, follows the
// message.
func Diagnostic(w io.Writer, d diag.Diagnostic, rule string, style terminal.Styler, width int) {
	label := SeverityStyle(d.Severity, style)(string(d.Severity)+":") + " "
	if !d.Position.IsZero() {
		label = style.Bold(terminal.Neutralise(d.Position.String())+":") + " " + label
	}
	text := d.Message
	if d.Object != "" {
		text = d.Object + ": " + text
	}
	if rule != "" {
		rule = "[" + rule + "]"
		text += " " + rule
	}
	Labelled(w, label, text, width, func(line string) string {
		if before, ok := strings.CutSuffix(line, rule); ok && rule != "" {
			return before + style.Dim(rule)
		}
		return line
	})
	Hanging(w, "    "+style.Dim("why: "), d.Why, width, Plain)
	Hanging(w, "    "+style.Dim("fix: "), d.Fix, width, Plain)
}

// SeverityStyle returns the colour of a severity.
func SeverityStyle(s diag.Severity, style terminal.Styler) func(string) string {
	switch s {
	case diag.Error:
		return style.Red
	case diag.Warning:
		return style.Yellow
	}
	return style.Dim
}
