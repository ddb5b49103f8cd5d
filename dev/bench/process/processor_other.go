//go:build !unix

package process

import (
	"time"
)

// Time returns 0: this system has no getrusage.
func Time() time.Duration { return 0 }
