//go:build unix

package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// process is a child process with a goroutine that waits for it from the start. This detects its
// end and leaves no zombie.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in the log
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) wait() { <-p.done }

func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// end sends s and returns when the process has ended. It resumes a process that SIGSTOP has
// suspended, because that process would not act on the signal.
func (p *process) end(ctx context.Context, s syscall.Signal) error {
	if err := p.signal(s); err != nil && !p.gone() {
		return err
	}
	_ = p.signal(syscall.SIGCONT)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the process still runs: %w", ctx.Err())
	}
}

// guard is a shell that runs a cleanup script when this process dies for any reason. It reads a
// pipe whose write end only this process holds. It has its own process group, so Ctrl-C does not
// reach it.
type guard struct {
	shell *process
}

func newGuard(script string, args ...string) (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	defer func() { _ = r.Close() }()
	cmd := exec.CommandContext(context.Background(), "sh",
		append([]string{"-c", "cat >/dev/null; " + script, "guard"}, args...)...)
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell, err := startProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	// This goroutine keeps the write end of the pipe open for as long as the guard lives. A program
	// may keep nothing but the URL of the node. If only the Node held it, the garbage collector
	// could then close it, and the guard would remove the node.
	go func() {
		shell.wait()
		_ = w.Close()
	}()
	return &guard{shell: shell}, nil
}

// release ends the guard without running its cleanup script. It does nothing on a nil guard.
func (g *guard) release() {
	if g == nil {
		return
	}
	_ = syscall.Kill(-g.shell.pid(), syscall.SIGKILL)
	g.shell.wait()
}
