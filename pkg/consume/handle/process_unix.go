//go:build unix

package handle

import (
	"os/exec"
	"syscall"
	"time"
)

// killAfter is how long a process has between SIGTERM and SIGKILL.
const killAfter = 2 * time.Second

// ownGroup lets a command lead a process group of its own: Ctrl-C on the terminal is not for it,
// and what it starts can be killed with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminate asks the group of a command to end, and kills it when it does not.
func terminate(cmd *exec.Cmd) error {
	group := -cmd.Process.Pid
	err := syscall.Kill(group, syscall.SIGTERM)
	time.AfterFunc(killAfter, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
	return err
}

// killGroup ends what a command has left behind.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// endedBySignal names the signal that ended a command, "" for none.
func endedBySignal(err *exec.ExitError) string {
	if status, ok := err.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal().String()
	}
	return ""
}
