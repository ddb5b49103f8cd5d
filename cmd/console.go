package cmd

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
)

// warn shows warnings on stderr.
func (d *deps) warn(warnings ...string) {
	style := d.streams.ErrStyler(d.colour)
	for _, w := range warnings {
		fmt.Fprintln(d.streams.Err, style.Yellow("warning:"), clean(w))
	}
}

// say writes a line to stderr.
func (d *deps) say(format string, args ...any) {
	fmt.Fprintln(d.streams.Err, terminal.Neutralise(fmt.Sprintf(format, args...)))
}

// tell says something to people on stderr.
func (d *deps) tell(text string) {
	fmt.Fprintln(d.streams.Err, clean(text))
}

// note writes folded lines to stderr.
func (d *deps) note(text string) {
	style := d.streams.ErrStyler(d.colour)
	for _, line := range terminal.Wrap(terminal.Neutralise(text), d.streams.ErrWidth()) {
		fmt.Fprintln(d.streams.Err, style.Dim(line))
	}
}

func clean(text string) string { return terminal.NeutraliseBlock(profile.Redact(text)) }
