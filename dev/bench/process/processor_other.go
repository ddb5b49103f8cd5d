//go:build !unix

package process

import (
	"time"
)

// Time is not known here.
func Time() time.Duration { return 0 }
