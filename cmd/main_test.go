package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/guarded"
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

// TestPanicOfAGoroutine: TestPanic holds for the goroutines of a command, too, and for what
// libraries log. It runs itself as a process, because the panic ends it.
func TestPanicOfAGoroutine(t *testing.T) {
	const child = "MSGCTL_TEST_PANIC"
	if os.Getenv(child) != "" {
		p := &app{proc: cmdutil.System(cmdutil.Build{}), onStart: func() {}, brokers: brokers{
			connect: func(broker.Options) (*broker.Client, error) {
				log.Print("logged by a library: amqp://u:s3cr3t@h \x1b[2J")
				guarded.Go(func() { panic("dial amqp://u:s3cr3t/w@h:5672: \x1b[2J") })
				select {}
			}}}
		p.ownStderr()
		os.Exit(p.run(t.Context(), []string{"plan", "-f", "../examples/topology.yaml"}))
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicOfAGoroutine$")
	self.Env = append(os.Environ(), child+"=1")
	said, err := self.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != cmdutil.ExitFailed {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{"logged by a library: amqp://u:***@h", "panic: dial amqp://u:***@h", "TestPanicOfAGo"} {
		if !bytes.Contains(said, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
	if bytes.Contains(said, []byte("s3cr3t")) || bytes.Contains(said, []byte("\x1b")) || t.Failed() {
		t.Errorf("%s", said)
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
