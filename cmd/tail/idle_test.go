package tail

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The time in which the process did not run is none of the idle time, also when a message comes
// before the timer rings.
func TestIdleClockDoesNotCountTheTimeOfAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newIdleClock(t.Context(), 4*time.Second)
		defer c.stop()
		stopped := func() error {
			time.Sleep(time.Second)
			c.timer.Stop() // as it does not ring while the process is stopped
			time.Sleep(time.Minute)
			return nil // a message, which is not shown
		}
		if err := c.run(stopped); err != nil {
			t.Fatal(err)
		}
		wait := func(d time.Duration) error {
			return c.run(func() error {
				select {
				case <-c.ctx.Done():
					return c.why(c.ctx.Err())
				case <-time.After(d):
					return nil
				}
			})
		}
		if err := wait(3 * time.Second); err != nil {
			t.Errorf("after a stop: %v", err)
		}
		if err := wait(2 * time.Second); !errors.Is(err, errQuiet) {
			t.Errorf("after four seconds of quiet: %v", err)
		}
	})
}

// A timer that rings when its wait has just ended by a message does not end the next one.
func TestIdleClockIgnoresALateRing(t *testing.T) {
	c := newIdleClock(t.Context(), time.Hour)
	defer c.stop()
	err := c.run(func() error {
		c.ring()
		return c.why(c.ctx.Err())
	})
	if err != nil {
		t.Error(err)
	}
}

// A look at a queue that has begun is finished when the idle time is over, and ends when tail does.
func TestALookIsFinished(t *testing.T) {
	for cause, ends := range map[error]bool{errQuiet: false, context.Canceled: true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, end := context.WithCancelCause(t.Context())
			looking, done := finishing(ctx)
			defer done()
			end(cause)
			synctest.Wait()
			if (looking.Err() != nil) != ends {
				t.Errorf("after %v: %v", cause, looking.Err())
			}
		})
	}
}
