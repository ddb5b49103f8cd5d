package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// peakEvery is the interval between two readings of the peak. A peak in the last moment of a
// process may be missed.
const peakEvery = 5 * time.Millisecond

// WatchPeak starts to follow the peak of a process's resident memory. The returned function stops
// this and returns the peak in KiB; call it exactly once.
//
// The maxrss of wait4(2) is not usable: it is never below the peak of this program when it started
// the other. The kernel takes over the high-water mark of the memory that exec replaces, and after
// a fork in Go that memory is shared with the parent.
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

// peakOf returns the peak of a process in KiB, or 0 if the process has ended or there is no /proc.
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
	kib, _ := strconv.ParseInt(string(fields[0]), 10, 64) // 0 if it is not a number
	return kib
}
