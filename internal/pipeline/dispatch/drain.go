package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
)

// LastGrace is how long jobs have to end after Abort, and how long the broker has to apply the last
// acknowledgements.
const LastGrace = 10 * time.Second

// drain lets jobs end within the grace, and calls Abort if they do not.
func (d *Dispatcher[T]) drain() {
	d.stopping.Store(true)
	sessions := d.allSessions()
	if n := len(sessions); n > 0 {
		s := sessions[n-1]
		if s.Pending() > 0 {
			d.Notify(Notice{Kind: Draining})
		}
		if !s.Lost() && !d.Ordered {
			ctx, cancel := context.WithTimeout(context.Background(), LastGrace)
			if err := s.Cancel(ctx, s.HoldDelivery); err != nil {
				s.MarkLost()
			}
			cancel()
		}
	}
	d.cancelDelays(nil)
	if !await(sessions, d.Grace) {
		d.Abort()
		await(sessions, LastGrace)
	}
	d.Close()
	d.lanes.close()
	gone := make(chan struct{})
	guarded.Go(func() { d.workers.Wait(); close(gone) })
	select {
	case <-gone:
	case <-time.After(LastGrace): // Work does not return; its message returns anyway
	}
}

// await waits for the jobs of all sessions. It reports whether they ended in time.
func await(sessions []*pipeline.Session, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, s := range sessions {
		if s.AwaitIdle(ctx) != nil {
			return false
		}
	}
	return true
}

// settle acknowledges and returns what is left. Unless Ordered is set, it waits until the broker
// has applied this.
func (d *Dispatcher[T]) settle() error {
	all := d.allSessions()
	if len(all) == 0 {
		return nil
	}
	s := all[len(all)-1]
	ctx, cancel := context.WithTimeout(context.Background(), LastGrace)
	defer cancel()
	end := func() error { return returnAndClose(ctx, s) }
	if d.Ordered {
		end = s.CloseInOrder
	}
	switch err := end(); {
	case errors.Is(err, consume.ErrLost):
		d.Notify(Notice{Kind: LostAtEnd, Err: err})
	case err != nil:
		return fmt.Errorf("settle queue %q: some of what was acknowledged may come again: %w", d.Queue, err)
	}
	return nil
}

// returnAndClose returns what is not done to the queue and closes the session. If it returns nil,
// the broker has applied everything. It does not know the type of the queue; small nacks keep the
// order in each.
func returnAndClose(ctx context.Context, s *pipeline.Session) error {
	_, err := s.ReturnAll(ctx, pipeline.ReturnByNacks, nil, "")
	if err == nil {
		err = s.Sub.Settled(ctx)
	}
	_ = s.Sub.Close() // what is left returns with the channel, whatever it answers
	return err
}

// errFull ends Run when only messages that are held are in hand: the broker sends no other.
var errFull = errors.New("messages that stay in their queue fill the prefetch: the broker sends no other")

// unlessAsked returns nil for an end that was requested, else err.
func unlessAsked(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errFull) {
		return errFull
	}
	if ctx.Err() != nil || errors.Is(err, errIdle) {
		return nil //nolint:nilerr // it is the consequence of what was asked for
	}
	return err
}
