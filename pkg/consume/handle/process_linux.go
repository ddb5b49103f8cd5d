package handle

import (
	"os"

	"golang.org/x/sys/unix"
)

// unreadBytes returns how many bytes written to a pipe have not been read, even if it has no reader
// left.
func unreadBytes(w *os.File) (int64, bool) {
	raw, err := w.SyscallConn()
	if err != nil {
		return 0, false
	}
	n := -1
	if err := raw.Control(func(fd uintptr) {
		if got, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			n = got
		}
	}); err != nil {
		return 0, false
	}
	return int64(n), n >= 0
}
