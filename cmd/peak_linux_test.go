package cmd

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peakUntilEnd waits for the end of a program and returns how much memory it had at most, in KiB,
// as far as looks 2 ms apart tell. What the kernel reports of an ended process would not do: it is
// never below the memory of the process that started it, which is this test.
func peakUntilEnd(r *running) (peak int64) {
	path := fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid)
	for {
		if text, err := os.ReadFile(path); err == nil {
			if m := highWater.FindSubmatch(text); m != nil {
				if kib, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
					peak = max(peak, kib)
				}
			}
		}
		select {
		case <-r.done:
			return peak
		case <-time.After(2 * time.Millisecond):
		}
	}
}
