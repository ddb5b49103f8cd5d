//go:build unix

package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// process is a child that is waited for from the moment it starts, so that its end is seen and no
// zombie stays.
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
		_ = cmd.Wait() // how it ended does not matter: whoever needs to know reads the log
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

// end sends s and returns when the process is gone. A process frozen by SIGSTOP is thawed first, or
// it would never act.
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

// guard is a shell that runs a clean-up script when this process dies, whatever it dies of: it
// waits for the end of a pipe whose other end only this process holds. It has its own process
// group, so Ctrl-C does not reach it.
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
	// Holds the pipe's end for as long as the guard lives: if only the Node held it, a program that
	// keeps nothing but the node's URL would lose the node to the garbage collector.
	go func() {
		shell.wait()
		_ = w.Close()
	}()
	return &guard{shell: shell}, nil
}

// release ends the guard without its clean-up. A nil guard is fine.
func (g *guard) release() {
	if g == nil {
		return
	}
	_ = syscall.Kill(-g.shell.pid(), syscall.SIGKILL)
	g.shell.wait()
}
