//go:build unix

package cputime_test

import (
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/cputime"
)

func TestWorkIsMeasuredAndWaitingIsNot(t *testing.T) {
	start := cputime.Used()
	time.Sleep(100 * time.Millisecond)
	waited := cputime.Used() - start
	for cputime.Used()-start < waited+50*time.Millisecond { // ends only if work counts
	}
	if waited > 90*time.Millisecond {
		t.Errorf("a pause of 100 ms counts as %v of work", waited)
	}
}
