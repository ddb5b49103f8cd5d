package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// The exit codes. They are a stable interface: scripts depend on them.
const (
	ExitOK           = 0
	ExitFailed       = 1
	ExitPending      = 2
	ExitPartly       = 3
	ExitNotPermitted = 4
	ExitUsage        = 64
	ExitInterrupted  = 130
)

// ExitCode is one row of the table in `msgctl help exit-codes` and in the reference.
type ExitCode struct {
	Code    int
	Meaning string
}

// ExitCodes are all exit codes with their meanings.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{ExitOK, "ok"},
		{ExitFailed, "failed: nothing was changed, or the report lists what was"},
		{ExitPending, "changes or findings: plan --detailed-exitcode with changes, a failed test, a route that loses " +
			"the message, findings of lint, status or doctor"},
		{ExitPartly, "partly done: some objects or messages failed, and the report lists them; run the command again to " +
			"continue, but after publish --ndjson publish only the lines that failed"},
		{ExitNotPermitted, "not permitted, or authentication failed"},
		{ExitUsage, "usage error: a command, flag, argument or setting is invalid or missing"},
		{ExitInterrupted, "interrupted: messages and changes in flight were settled first"},
	}
}

// ExitError ends a command with a code other than 1. A nil Err means that the report has been
// written already and no message is shown.
type ExitError struct {
	Code   int
	Err    error
	Advice string
}

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Hint returns what to type instead, in one or more lines.
func (e *ExitError) Hint() string { return e.Advice }

// ExitWith ends the command with a code and no message.
func ExitWith(code int) error { return &ExitError{Code: code} }

// UsageError returns a usage error; hint is the corrected command line, or where to read on.
func UsageError(hint, format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...), Advice: hint}
}

// SettingError turns an error about flags, the environment or the context file into a usage error.
func SettingError(err error) error {
	var setting *profile.Error
	if errors.As(err, &setting) {
		return &ExitError{Code: ExitUsage, Err: err, Advice: setting.Hint()}
	}
	return err
}

// codeOf maps an error to the exit code. Interruption applies only if nothing more precise is
// known.
func codeOf(ctx context.Context, err error) int {
	var (
		exit   *ExitError
		silent *terminal.NotInteractiveError
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.Is(err, topology.ErrNotPermitted):
		return ExitNotPermitted
	case errors.As(err, &silent):
		return ExitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailed
}

// Report writes an error once to stderr, with its advice, and returns the exit code. Text from
// outside is redacted and escaped.
func (d *Process) Report(ctx context.Context, err error) int {
	code := codeOf(ctx, err)
	var exit *ExitError
	if err == nil || errors.As(err, &exit) && exit.Err == nil {
		return code
	}
	style := d.Streams.ErrStyler(d.Colour)
	text := err.Error()
	if code == ExitInterrupted && errors.Is(err, context.Canceled) {
		text = strings.Join(append([]string{"interrupted"}, leftBehind(err)...), "\n")
	}
	d.labelled("msgctl:", style.Red, text)
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		d.hint(hinter.Hint())
	}
	if r := refusal.RemedyOf(err); r != refusal.WithoutAPI || d.HasNoAPI {
		d.hint(remedyAdvice(r))
	}
	return code
}

// ReportPanic writes a panic that was recovered, and where it was, to stderr, and returns the exit
// code. Text from outside is redacted and escaped.
func (d *Process) ReportPanic(v any, stack []byte) int {
	d.labelled("msgctl:", d.Streams.ErrStyler(d.Colour).Red,
		fmt.Sprintf("this is a defect of msgctl, please report it: panic: %v\n%s", v, stack))
	return ExitFailed
}

// leftBehind lists what an error names as left on the broker.
func leftBehind(err error) []string {
	switch x := err.(type) { //nolint:errorlint // every branch of the tree is looked at
	case *topology.LeftBehindError:
		return []string{x.Error()}
	case interface{ Unwrap() error }:
		return leftBehind(x.Unwrap())
	case interface{ Unwrap() []error }:
		var all []string
		for _, e := range x.Unwrap() {
			all = append(all, leftBehind(e)...)
		}
		return all
	}
	return nil
}

// hint writes the advice. A line that is a command is not wrapped, so that it can be copied.
func (d *Process) hint(text string) {
	dim := d.Streams.ErrStyler(d.Colour).Dim
	for line := range strings.Lines(Clean(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "msgctl ") {
			fmt.Fprintln(d.Streams.Err, dim("  hint:"), line)
			continue
		}
		d.labelled("  hint:", dim, line)
	}
}

// remedyAdvice returns the flag that applies the remedy of an error; "" if there is none.
func remedyAdvice(r refusal.Remedy) string {
	switch r {
	case refusal.TrustAuthority:
		return "name the CA certificate with --tls-ca FILE, or tls.ca in the context; --insecure switches the " +
			"check off"
	case refusal.ExpectName:
		return "connect by a name of the certificate, or say which to expect: --tls-server-name NAME"
	case refusal.ClientCertificate:
		return "present one: --tls-cert FILE --tls-key FILE"
	case refusal.APIAddress:
		return "name the management API's address: --api http://HOST:15672"
	case refusal.WithoutAPI:
		return "--no-api declares exchanges, queues and bindings over AMQP alone"
	case refusal.ReplaceEmpty:
		return "--replace=empty allows apply to delete and create it, while it is unused and empty"
	}
	return ""
}

// PlainYes is the value of --yes without an argument.
const PlainYes = "yes"

// Declined is the error of a command whose confirmation was declined.
func Declined(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("nothing was changed: not confirmed")
}
