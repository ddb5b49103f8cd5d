package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume"
)

// lastGrace is how long handlers have to return once their context has ended, and the broker to
// confirm and to apply.
const lastGrace = 10 * time.Second

// drain lets what runs come to its end within the grace, and gives the rest back.
func (r *run) drain() {
	r.stopping.Store(true)
	r.mu.Lock()
	sessions := append([]*pipeline.Session(nil), r.sessions...)
	r.mu.Unlock()
	if n := len(sessions); n > 0 {
		s := sessions[n-1]
		if running := s.Pending(); running > 0 {
			r.notice(NoticeDraining, "stopping: what is being handled has %s to end", r.Grace)
		}
		if !s.Lost() && r.Key == nil {
			ctx, cancel := context.WithTimeout(context.Background(), lastGrace)
			if err := s.Cancel(ctx, s.HoldDelivery); err != nil {
				s.MarkLost()
			}
			cancel()
		}
	}
	r.cancelDelays(nil)
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
func (*run) await(sessions []*pipeline.Session, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, s := range sessions {
		if s.AwaitIdle(ctx) != nil {
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
	end := func() error { return returnAndClose(ctx, s) }
	if r.Key != nil {
		end = s.CloseInOrder
	}
	switch err := end(); {
	case errors.Is(err, consume.ErrLost):
		r.notice(NoticeReconnecting, "the connection was lost at the end: some of what was acknowledged may come again")
	case err != nil:
		return fmt.Errorf("settle queue %q: some of what was acknowledged may come again: %w", r.Plan.Queue, err)
	}
	return nil
}

// returnAndClose returns what is not done to the queue. When it returns nil, the broker is seen to
// have applied everything.
func returnAndClose(ctx context.Context, s *pipeline.Session) error {
	_, err := s.Return(pipeline.ReturnByNack)
	if err == nil {
		err = s.Sub.Settled(ctx)
	}
	_ = s.Sub.Close() // what is left returns with the channel, whatever it answers
	return err
}
