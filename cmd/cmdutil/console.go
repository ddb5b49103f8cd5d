package cmdutil

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
)

// Warn writes warnings to stderr.
func (d *Process) Warn(warnings ...string) {
	style := d.Streams.ErrStyler(d.Colour)
	for _, w := range warnings {
		d.labelled("warning:", style.Yellow, w)
	}
}

// Say writes a line to stderr.
func (d *Process) Say(format string, args ...any) {
	d.write(terminal.Neutralise(fmt.Sprintf(format, args...)))
}

// Tell writes an informational message to stderr.
func (d *Process) Tell(text string) { d.write(Clean(text)) }

// write wraps lines at the width of the terminal and keeps their indentation.
func (d *Process) write(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		for _, part := range terminal.Wrap(words, d.textWidth(len(indent))) {
			fmt.Fprintln(d.Streams.Err, indent+part)
		}
	}
}

// labelled writes text after a label. Wrapped lines are indented to the start of the text.
func (d *Process) labelled(label string, colour func(string) string, text string) {
	first, rest, more := strings.Cut(Clean(text), "\n")
	indent := terminal.Width(label) + 1
	for i, part := range terminal.Wrap(first, d.textWidth(indent)) {
		if i == 0 {
			fmt.Fprintln(d.Streams.Err, colour(label), part)
			continue
		}
		fmt.Fprintln(d.Streams.Err, strings.Repeat(" ", indent)+part)
	}
	if more {
		d.write(rest)
	}
}

// textWidth is the width of stderr minus an indentation, 0 for no limit.
func (d *Process) textWidth(indent int) int {
	if width := d.Streams.ErrWidth(); width > 0 {
		return max(width-indent, render.MinText)
	}
	return 0
}

// Note writes wrapped lines to stderr.
func (d *Process) Note(text string) {
	style := d.Streams.ErrStyler(d.Colour)
	for _, line := range terminal.Wrap(terminal.Neutralise(text), d.Streams.ErrWidth()) {
		fmt.Fprintln(d.Streams.Err, style.Dim(line))
	}
}

// Clean makes text from outside safe for a terminal: without secrets and escape sequences.
func Clean(text string) string { return terminal.NeutraliseBlock(redact.Text(text)) }
