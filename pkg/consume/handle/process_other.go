//go:build !unix

package handle

import (
	"os/exec"
	"time"
)

const killAfter = 2 * time.Second

func ownGroup(*exec.Cmd) {}

func terminate(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func endedBySignal(*exec.ExitError) string { return "" }
