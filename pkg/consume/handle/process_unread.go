//go:build !linux

package handle

import "os"

// unreadBytes is not known here.
func unreadBytes(*os.File) (int64, bool) { return 0, false }
