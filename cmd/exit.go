package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// The exit codes. They are an interface: scripts branch on them.
const (
	exitOK           = 0
	exitFailed       = 1
	exitPending      = 2
	exitPartly       = 3
	exitNotPermitted = 4
	exitUsage        = 64
	exitInterrupted  = 130
)

// exitCode is one line of the table that `msgctl help exit-codes` and the reference are made from.
type exitCode struct {
	code    int
	meaning string
}

func exitCodes() []exitCode {
	return []exitCode{
		{exitOK, "ok"},
		{exitFailed, "failed; nothing was changed, or the report says what was"},
		{exitPending, "changes or findings are pending (plan --detailed-exitcode, a failed test, a route that loses the " +
			"message, status and doctor with errors)"},
		{exitPartly, "partly done: some objects or messages failed, the report says which; running the command again goes " +
			"on"},
		{exitNotPermitted, "not permitted, or the login was refused"},
		{exitUsage, "wrong usage: a command, a flag, a setting or an argument is wrong or missing"},
		{exitInterrupted, "interrupted; what was in hand was settled first"},
	}
}

// exitError ends a command with a code other than 1. An err of nil means that the report was
// written already and nothing more is to be said.
type exitError struct {
	code   int
	err    error
	advice string
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// Hint is what to type instead, in one or more lines.
func (e *exitError) Hint() string { return e.advice }

// exitWith ends the command with a code and says nothing more.
func exitWith(code int) error { return &exitError{code: code} }

// usageError is wrong usage; hint is the corrected command line, or where to read on.
func usageError(hint, format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...), advice: hint}
}

// wrongSetting makes wrong usage of an error about flags, the environment or the context file.
func wrongSetting(err error) error {
	var setting *profile.Error
	if errors.As(err, &setting) {
		return &exitError{code: exitUsage, err: err, advice: setting.Hint()}
	}
	return err
}

// codeOf maps an error to the exit code. Interruption wins only where nothing more precise is
// known.
func codeOf(ctx context.Context, err error) int {
	var (
		exit   *exitError
		silent *terminal.NotInteractiveError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, topology.ErrNotPermitted):
		return exitNotPermitted
	case errors.As(err, &silent):
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// report shows an error once, on stderr, with its advice, and returns the exit code. Text from
// outside is redacted and neutralised.
func (d *deps) report(ctx context.Context, err error) int {
	code := codeOf(ctx, err)
	var exit *exitError
	if err == nil || errors.As(err, &exit) && exit.err == nil {
		return code
	}
	style := d.streams.ErrStyler(d.colour)
	text := err.Error()
	if code == exitInterrupted && errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintln(d.streams.Err, style.Red("msgctl:"), clean(text))
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) && hinter.Hint() != "" {
		for line := range strings.Lines(clean(hinter.Hint())) {
			fmt.Fprintln(d.streams.Err, style.Dim("  hint:"), strings.TrimRight(line, "\n"))
		}
	}
	return code
}
