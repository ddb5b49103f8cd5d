//go:build !linux

package handle

import "os"

// unreadBytes returns false: the number is not available on this system.
func unreadBytes(*os.File) (int64, bool) { return 0, false }
