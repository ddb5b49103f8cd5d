package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
)

// lastGrace is how long handlers have to return once their context has ended, and the broker to
// confirm and to apply.
const lastGrace = 10 * time.Second

// drain lets what runs come to its end within the grace, and gives the rest back.
func (r *run) drain() {
	r.stopping.Store(true)
	r.mu.Lock()
	sessions := append([]*session(nil), r.sessions...)
	r.mu.Unlock()
	if n := len(sessions); n > 0 {
		s := sessions[n-1]
		if running := s.unfinished(); running > 0 {
			r.notice(NoticeDraining, "stopping: what is being handled has %s to end", r.Grace)
		}
		if !s.isGone() && r.Key == nil {
			ctx, cancel := context.WithTimeout(context.Background(), lastGrace)
			if _, err := s.end(ctx); err != nil {
				s.abandon()
			}
			cancel()
		}
	}
	r.unpark(nil)
	if !r.await(sessions, r.Grace) {
		r.endLife()
		r.await(sessions, lastGrace)
	}
	if r.publisher != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastGrace)
		_ = r.publisher.Close(ctx) // every copy has its own outcome
		cancel()
	}
	r.endLife()
	r.lanes.close()
	gone := make(chan struct{})
	go func() { r.workers.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(lastGrace): // a handler that heeds nothing; its message goes back all the same
	}
}

// await waits for the jobs of all sessions.
func (*run) await(sessions []*session, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, s := range sessions {
		if s.await(ctx) != nil {
			return false
		}
	}
	return true
}

// settle acknowledges and returns what is left, and sees that the broker has applied it.
func (r *run) settle() error {
	r.mu.Lock()
	if len(r.sessions) == 0 {
		r.mu.Unlock()
		return nil
	}
	s := r.sessions[len(r.sessions)-1]
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lastGrace)
	defer cancel()
	end := func() error { return s.close(ctx) }
	if r.Key != nil {
		end = s.closeInOrder
	}
	switch err := end(); {
	case errors.Is(err, consume.ErrLost):
		r.notice(NoticeReconnecting, "the connection was lost at the end: some of what was acknowledged may come again")
	case err != nil:
		return fmt.Errorf("settle queue %q: some of what was acknowledged may come again: %w", r.Plan.Queue, err)
	}
	return nil
}
