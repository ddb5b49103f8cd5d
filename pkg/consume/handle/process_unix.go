//go:build unix

package handle

import (
	"os/exec"
	"syscall"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
)

// killAfter is how long a process has between SIGTERM and SIGKILL.
const killAfter = 2 * time.Second

// ownGroup starts a command in its own process group. Ctrl-C on the terminal does not reach it, and
// its child processes can be killed with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminate asks a command's process group to end, and kills the group if it does not.
func terminate(cmd *exec.Cmd) error {
	group := -cmd.Process.Pid
	err := syscall.Kill(group, syscall.SIGTERM)
	time.AfterFunc(killAfter, guarded.Func(func() { _ = syscall.Kill(group, syscall.SIGKILL) }))
	return err
}

// killGroup kills what is left of a command's process group.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// endedBySignal returns the name of the signal that ended a command, or "" if there was none.
func endedBySignal(err *exec.ExitError) string {
	if status, ok := err.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal().String()
	}
	return ""
}
