package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

func TestFirstSignalEndsTheContextWith130(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send to a process")
	}
	var stderr strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := &deps{streams: terminal.New(nil, io.Discard, &stderr, nil), colour: terminal.ColourNever}
	cancelOnSignal(cancel)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the context goes on")
	}
	code := d.report(ctx, fmt.Errorf("read queues: %w", ctx.Err()))
	if code != exitInterrupted || stderr.String() != "msgctl: interrupted\n" {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}

func TestExitCodes(t *testing.T) {
	background := context.Background()
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, 0, ""},
		{errors.New("x"), 1, "msgctl: x\n"},
		{exitWith(exitPending), 2, ""},
		{&exitError{code: exitPartly, err: errors.New("2 of 5 objects failed")}, 3, "msgctl: 2 of 5 objects failed\n"},
		{fmt.Errorf("apply: %w", topology.ErrNotPermitted), 4, "msgctl: apply: not permitted\n"},
		{&terminal.NotInteractiveError{Question: "delete?", Flag: "--yes"}, 64,
			"msgctl: confirmation needed, and stdin is not a terminal: delete?\n  hint: to go ahead without a question, add " +
				"--yes\n"},
		{usageError("one\ntwo", "wrong"), 64, "msgctl: wrong\n  hint: one\n  hint: two\n"},
		{context.Canceled, 1, "msgctl: context canceled\n"}, // cancelled, but not by a signal: a fault of ours
		{errors.New("dial amqp://u:s3cr3t@h: \x1b[2Jgone"), 1, "msgctl: dial amqp://u:***@h: \\x1b[2Jgone\n"},
	} {
		var stderr strings.Builder
		d := &deps{streams: terminal.New(nil, io.Discard, &stderr, nil), colour: terminal.ColourNever}
		if code := d.report(background, c.err); code != c.code || stderr.String() != c.stderr {
			t.Errorf("%v: code %d, stderr %q", c.err, code, stderr.String())
		}
	}
}
