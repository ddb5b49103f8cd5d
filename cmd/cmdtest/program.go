package cmdtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program runs msgctl as a process, against one broker address.
type Program struct {
	T   testing.TB
	Env []string
}

// Result is the exit code and the output of a run of msgctl.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// NewProgram returns a program with these addresses and additional variables NAME=VALUE.
func NewProgram(t testing.TB, amqpURL, api string, env ...string) *Program {
	home := t.TempDir()
	return &Program{t, append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "MSGCTL_URL=" + amqpURL, "MSGCTL_API=" + api,
		"GORACE=" + os.Getenv("GORACE"),
	}, env...)}
}

// Command prepares a run. Main has put msgctl on the path.
func (p *Program) Command(args ...string) *exec.Cmd {
	cmd := exec.Command("msgctl", args...) //nolint:noctx // it is killed when the test ends
	cmd.Env = p.Env
	return cmd
}

// Run runs msgctl and waits for its end.
func (p *Program) Run(args ...string) Result {
	p.T.Helper()
	return p.Wait(p.Start(args...))
}

// Running is a running msgctl.
type Running struct {
	Cmd            *exec.Cmd
	Stdout, Stderr Output
	done           chan struct{}
	err            error // valid once done is closed
}

// Output is what a program has written so far. It is safe to read while the program runs.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String implements fmt.Stringer.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Ended reports whether the process has ended.
func (r *Running) Ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Start starts msgctl, and kills it if it still runs when the test ends. A failed test logs the end of
// its stderr.
func (p *Program) Start(args ...string) *Running {
	p.T.Helper()
	r := &Running{Cmd: p.Command(args...), done: make(chan struct{})}
	r.Cmd.Stdout, r.Cmd.Stderr = &r.Stdout, &r.Stderr
	if err := r.Cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	go func() {
		r.err = r.Cmd.Wait()
		close(r.done)
	}()
	t := p.T           // p.T may be a subtest by the time the test ends
	t.Cleanup(func() { // has ended already, unless the test failed
		_ = r.Cmd.Process.Kill()
		<-r.done
		if t.Failed() {
			t.Logf("%v said (%v): %s", r.Cmd.Args, r.Cmd.ProcessState, LastPart(r.Stderr.String()))
		}
	})
	return r
}

// Wait waits for the end of a run, at most five minutes.
func (p *Program) Wait(r *Running) Result {
	p.T.Helper()
	select {
	case <-r.done:
	case <-time.After(5 * time.Minute):
		_ = r.Cmd.Process.Signal(syscall.SIGQUIT) // the stacks of its goroutines show what it waits for
		<-r.done
		p.T.Fatalf("%v did not end in 5 minutes:\n%s", r.Cmd.Args, r.Stderr.String())
	}
	var exit *exec.ExitError
	if r.err != nil && !errors.As(r.err, &exit) {
		p.T.Fatal(r.err)
	}
	return Result{r.Cmd.ProcessState.ExitCode(), r.Stdout.String(), r.Stderr.String()}
}

// Want fails the test unless the run ended with the code and its output, of both streams, contains
// every text.
func (r Result) Want(t testing.TB, code int, texts ...string) {
	t.Helper()
	all := r.Stdout + r.Stderr
	if r.Code != code {
		t.Fatalf("exit code %d, want %d:\n%s", r.Code, code, LastPart(all))
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("the output lacks %q:\n%s", text, LastPart(all))
		}
	}
}

// LastPart returns the end of a long text.
func LastPart(text string) string { return text[max(0, len(text)-4000):] }
