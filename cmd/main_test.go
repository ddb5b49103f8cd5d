package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/terminal"
)

func TestFirstSignalEndsTheContextWith130(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send to a process")
	}
	var stderr strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := &cmdutil.Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever}
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
	case <-time.After(time.Minute):
		t.Fatal("the context goes on")
	}
	code := d.Report(ctx, fmt.Errorf("read queues: %w", ctx.Err()))
	if code != cmdutil.ExitInterrupted || stderr.String() != "msgctl: interrupted\n" {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}

// TestPanic: a panic ends a command with exit code 1, and shows no credentials.
func TestPanic(t *testing.T) {
	var stderr strings.Builder
	p := &app{
		proc: &cmdutil.Process{Streams: terminal.New(nil, io.Discard, &stderr, nil), Colour: terminal.ColourNever,
			Env: func(string) (string, bool) { return "", false }},
		onStart: func() {},
		brokers: brokers{connect: func(broker.Options) (*broker.Client, error) {
			panic("dial amqp://u:s3cr3t/w@h:5672: \x1b[2J")
		}},
	}
	code := p.run(t.Context(), []string{"plan", "-f", "../examples/topology.yaml"})
	said := stderr.String()
	if code != cmdutil.ExitFailed || !strings.Contains(said, "panic: dial amqp://u:***@h") ||
		!strings.Contains(said, "TestPanic") || strings.Contains(said, "s3cr3t") || strings.Contains(said, "\x1b") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
