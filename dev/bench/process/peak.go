package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// peakEvery is how often a process is asked for its peak: what it takes in its last moment may be
// missed.
const peakEvery = 5 * time.Millisecond

// WatchPeak follows the peak of a process's resident memory, until the returned function is called;
// that returns it in KiB. The maxrss that wait4(2) tells is no use: it is never below what this
// program had itself when it started the other (the kernel takes over the high-water mark of the
// memory that exec replaces, and Go's fork shares its parent's).
func WatchPeak(pid int) (seen func() int64) {
	stop, result := make(chan struct{}), make(chan int64, 1)
	go func() {
		var peak int64
		tick := time.NewTicker(peakEvery)
		defer tick.Stop()
		for {
			peak = max(peak, peakOf(pid))
			select {
			case <-stop:
				result <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// peakOf returns 0 for a process that has ended, and where there is no /proc.
func peakOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(text, []byte("VmHWM:"))
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(string(fields[0]), 10, 64) // 0 when it is no number
	return kib
}
