package cmdutil

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/terminal"
)

// Warn shows warnings on stderr.
func (d *Process) Warn(warnings ...string) {
	style := d.Streams.ErrStyler(d.Colour)
	for _, w := range warnings {
		fmt.Fprintln(d.Streams.Err, style.Yellow("warning:"), Clean(w))
	}
}

// Say writes a line to stderr.
func (d *Process) Say(format string, args ...any) {
	fmt.Fprintln(d.Streams.Err, terminal.Neutralise(fmt.Sprintf(format, args...)))
}

// Tell says something to people on stderr.
func (d *Process) Tell(text string) {
	fmt.Fprintln(d.Streams.Err, Clean(text))
}

// Note writes folded lines to stderr.
func (d *Process) Note(text string) {
	style := d.Streams.ErrStyler(d.Colour)
	for _, line := range terminal.Wrap(terminal.Neutralise(text), d.Streams.ErrWidth()) {
		fmt.Fprintln(d.Streams.Err, style.Dim(line))
	}
}

// Clean makes text from outside fit for a terminal: without secrets and escape sequences.
func Clean(text string) string { return terminal.NeutraliseBlock(redact.Text(text)) }
