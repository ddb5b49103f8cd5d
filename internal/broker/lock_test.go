package broker

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
)

// TestPlaceOfALockIsFreeAMomentLater: a busy broker still counts the connection of a lock that has
// been released. That is waited for once, and not again for each object beyond the limit.
func TestPlaceOfALockIsFreeAMomentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := 0
		c := &Client{locks: []func(){func() { released++ }}}
		start, refused := time.Now(), 3
		err := c.yieldingLocks(t.Context(), func() error {
			if refused--; refused >= 0 {
				return topology.ErrLimit
			}
			return nil
		})
		if err != nil || released != 1 {
			t.Errorf("%v, %d locks released", err, released)
		}
		for range 3 {
			err := c.yieldingLocks(t.Context(), func() error { return topology.ErrLimit })
			if !errors.Is(err, topology.ErrLimit) {
				t.Error(err)
			}
		}
		if took := time.Since(start); took < yieldWait || took > yieldWait+time.Second {
			t.Errorf("the limit was waited for during %s", took)
		}
	})
}
