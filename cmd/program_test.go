package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program runs msgctl as a process of its own, against one broker address.
type program struct {
	t   testing.TB
	env []string
}

// result is what a run of msgctl came to.
type result struct {
	code           int
	stdout, stderr string
}

func newProgram(t testing.TB, amqpURL, api string, env ...string) *program {
	home := t.TempDir()
	return &program{t, append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "MSGCTL_URL=" + amqpURL, "MSGCTL_API=" + api,
	}, env...)}
}

// command prepares a run; TestMain has put msgctl on the path.
func (p *program) command(args ...string) *exec.Cmd {
	cmd := exec.Command("msgctl", args...)
	cmd.Env = p.env
	return cmd
}

func (p *program) run(args ...string) result {
	p.t.Helper()
	return p.wait(p.start(args...))
}

// running is a msgctl under way.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr said
	done           chan struct{}
	err            error // valid when done is closed
}

// said is what a program wrote, which may be read while it goes on.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// ended says that the process is gone.
func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (p *program) start(args ...string) *running {
	p.t.Helper()
	r := &running{cmd: p.command(args...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.done)
	}()
	p.t.Cleanup(func() { // ended already, unless the test failed
		_ = r.cmd.Process.Kill()
		<-r.done
	})
	return r
}

func (p *program) wait(r *running) result {
	p.t.Helper()
	select {
	case <-r.done:
	case <-time.After(5 * time.Minute):
		_ = r.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines tell what it waits for
		<-r.done
		p.t.Fatalf("%v did not end in 5 minutes:\n%s", r.cmd.Args, r.stderr.String())
	}
	var exit *exec.ExitError
	if r.err != nil && !errors.As(r.err, &exit) {
		p.t.Fatal(r.err)
	}
	return result{r.cmd.ProcessState.ExitCode(), r.stdout.String(), r.stderr.String()}
}

// want fails the test unless the run ended with the code and its output, both streams, has every
// text.
func (r result) want(t testing.TB, code int, texts ...string) {
	t.Helper()
	all := r.stdout + r.stderr
	if r.code != code {
		t.Fatalf("exit code %d, want %d:\n%s", r.code, code, lastPart(all))
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("the output lacks %q:\n%s", text, lastPart(all))
		}
	}
}

func lastPart(text string) string { return text[max(0, len(text)-4000):] }

// writeFile makes a topology file.
func writeFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// manyObjects is a topology of n queues, each with a binding.
func manyObjects(name, vhost string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nname: %s\nvhost: %q\nexchanges:\n  x: { type: topic }\nqueues:\n", name, vhost)
	for i := range n {
		fmt.Fprintf(&b, "  q%05d: { bindings: [{ exchange: x, key: k%d }] }\n", i, i)
	}
	return b.String()
}
