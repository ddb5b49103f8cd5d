package cmdutil

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/terminal"
)

// TestNoticesFitTheTerminal has every kind of notice longer than the terminal is wide.
func TestNoticesFitTheTerminal(t *testing.T) {
	const long = "the quorum queue \"orders\" has 12 messages that no consumer has seen for a day, and its dead-letter " +
		"exchange \"dlx\" has no binding for them, so that they would vanish"
	for name, say := range map[string]func(*Process){
		"warning": func(d *Process) { d.Warn(long) },
		"say":     func(d *Process) { d.Say("  %s", long) },
		"tell":    func(d *Process) { d.Tell(long) },
		"note":    func(d *Process) { d.Note(long) },
		"error":   func(d *Process) { d.Report(t.Context(), errors.New(long)) },
		"hint":    func(d *Process) { d.Report(t.Context(), UsageError("do "+long, "wrong")) },
	} {
		var stderr strings.Builder
		d := &Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever}
		say(d)
		if lines := strings.Count(stderr.String(), "\n"); lines > 2 {
			t.Errorf("%s: %d lines where there is no terminal", name, lines)
		}
		unbroken := strings.Join(strings.Fields(stderr.String()), " ")
		stderr.Reset()
		d.Streams.ErrTTY, d.Streams.Width = true, 80
		say(d)
		for line := range strings.Lines(stderr.String()) {
			if terminal.Width(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s: too long: %s", name, line)
			}
		}
		if got := strings.Join(strings.Fields(stderr.String()), " "); got != unbroken {
			t.Errorf("%s: %q, and without a terminal %q", name, got, unbroken)
		}
	}
}

// TestACommandInAHintStaysWhole is about lines that are copied.
func TestACommandInAHintStaysWhole(t *testing.T) {
	var stderr strings.Builder
	d := &Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever}
	d.Streams.ErrTTY, d.Streams.Width = true, 40
	command := "msgctl dlq import archive.ndjson --to queue:orders.dead-letters"
	d.Report(t.Context(), UsageError(command, "wrong"))
	if !strings.Contains(stderr.String(), command) {
		t.Error(stderr.String())
	}
}
