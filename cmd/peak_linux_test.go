package cmd

import (
	"os"
	"syscall"
)

// peakOfEnded is how much memory an ended process had at most, in KiB; at least as much as the test
// that started it.
func peakOfEnded(p *os.ProcessState) int64 {
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss
	}
	return 0
}
