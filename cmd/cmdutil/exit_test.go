package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

func TestExitCodes(t *testing.T) {
	background := context.Background()
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, 0, ""},
		{errors.New("x"), 1, "msgctl: x\n"},
		{ExitWith(ExitPending), 2, ""},
		{&ExitError{Code: ExitPartly, Err: errors.New("2 of 5 objects failed")}, 3, "msgctl: 2 of 5 objects failed\n"},
		{fmt.Errorf("apply: %w", topology.ErrNotPermitted), 4, "msgctl: apply: not permitted\n"},
		{&terminal.NotInteractiveError{Question: "delete?", Flag: "--yes"}, 64,
			"msgctl: confirmation needed, and stdin is not a terminal: delete?\n  hint: to continue without confirmation, add " +
				"--yes\n"},
		{UsageError("one\ntwo", "wrong"), 64, "msgctl: wrong\n  hint: one\n  hint: two\n"},
		{context.Canceled, 1, "msgctl: context canceled\n"}, // cancelled, but not by a signal: a fault of ours
		{errors.New("dial amqp://u:s3cr3t@h: \x1b[2Jgone"), 1, "msgctl: dial amqp://u:***@h: \\x1b[2Jgone\n"},
		{fmt.Errorf("plan: %w", &refusal.Error{Text: "no", Remedy: refusal.ClientCertificate,
			Sentinel: topology.ErrUnreachable}), 1,
			"msgctl: plan: no\n  hint: present one: --tls-cert FILE --tls-key FILE\n"},
	} {
		var stderr strings.Builder
		d := &Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever}
		if code := d.Report(background, c.err); code != c.code || stderr.String() != c.stderr {
			t.Errorf("%v: code %d, stderr %q", c.err, code, stderr.String())
		}
	}
}

// What an interrupted command could not remove is named all the same.
func TestInterruptedWithSomethingLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	left := func(text string) error {
		return &topology.LeftBehindError{Text: text, Cause: errors.New("no answer")}
	}
	for _, c := range []struct {
		err    error
		stderr string
	}{
		{fmt.Errorf("look: %w", context.Canceled), "msgctl: interrupted\n"},
		{errors.Join(context.Canceled, fmt.Errorf("look: %w", errors.Join(left("a"), left("b")))),
			"msgctl: interrupted\na: no answer\nb: no answer\n"},
	} {
		var stderr strings.Builder
		d := &Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever}
		if code := d.Report(ctx, c.err); code != ExitInterrupted || stderr.String() != c.stderr {
			t.Errorf("%v: code %d, stderr %q, want %q", c.err, code, stderr.String(), c.stderr)
		}
	}
}
