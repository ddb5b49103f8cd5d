package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

func (r *run) subscribe(ctx context.Context) error {
	o := consume.Options{Queue: r.Queue, Prefetch: r.sessionPrefetch()}
	if r.Stream {
		o.Offset = r.Offset
		if r.next > 0 {
			o.Offset = r.next
		}
	}
	sub, err := r.openSubscription(ctx, o)
	if err != nil {
		return err
	}
	r.active = NewSession(sub, o.Prefetch)
	r.active.narrow, r.active.limited = r.narrow(), r.Limit > 0
	if r.Limit > 0 && !r.Stream && !r.confirmedOnly {
		r.active.Cap(r.Limit - r.attempted)
	}
	r.mu.Lock()
	r.sessions = append(r.sessions, r.active)
	r.mu.Unlock()
	return nil
}

// openSubscription shares the connection of the sessions that hold messages, if the source supports
// it.
func (r *run) openSubscription(ctx context.Context, o consume.Options) (consume.Subscription, error) {
	if n := len(r.parked); n > 0 {
		if s, ok := r.parked[n-1].Sub.(consume.Sharer); ok {
			return s.Share(ctx, o)
		}
	}
	return r.Source.Subscribe(ctx, o)
}

// subscribeAgain subscribes in the middle of a run. It recovers from a lost connection.
func (r *run) subscribeAgain(ctx context.Context) error {
	err := r.subscribe(ctx)
	if err != nil && Transient(err) {
		return r.recover(ctx, err)
	}
	return err
}

func (r *run) allSessions() []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Session(nil), r.sessions...)
}

// Transient reports whether an error concerns the connection, so that a new connection may succeed.
func Transient(err error) bool {
	return errors.Is(err, consume.ErrLost) || errors.Is(err, topology.ErrUnreachable)
}

// recover continues after a lost connection. It waits until nothing is in flight, so that the run
// knows what arrived at the targets, and subscribes again. cause says how the connection was lost.
func (r *run) recover(ctx context.Context, cause error) error {
	stuck := r.noteLoss(cause)
	if stuck == nil {
		r.notice(report.NoticeReconnecting, "the connection to the broker was lost; reconnecting")
	}
	r.markAllLost()
	if err := r.quiesce(ctx); err != nil {
		return err
	}
	for _, s := range r.allSessions() {
		s.ReturnAndClose(ctx, r.ReturnBy)
		r.awaited += s.Held()
	}
	r.forgetSessions()
	if stuck != nil {
		return stuck
	}
	if err := r.reconnect(ctx, cause); err != nil {
		return err
	}
	r.reconnected = time.Now()
	r.notice(report.NoticeReconnected, "connected again")
	return nil
}

// markAllLost stops acknowledgements, and records the messages that were delivered and not read.
func (r *run) markAllLost() {
	for _, s := range r.allSessions() {
		s.MarkLost()
	}
	for {
		d, ok := r.active.Sub.TryNext()
		if !ok {
			return
		}
		r.confirmed.NoteUnread(r.fingerprints.Of(&d.Message))
		r.awaited++
	}
}

// quiesce waits until no job is in progress.
func (r *run) quiesce(ctx context.Context) error {
	for r.inFlight() > 0 {
		select {
		case <-r.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) inFlight() (n int) {
	for _, s := range r.allSessions() {
		n += s.Pending()
	}
	return n
}

func (r *run) forgetSessions() {
	r.confirmed.ConnectionLost()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions, r.parked, r.active = nil, nil, nil
	r.doneBefore, r.fresh = r.tally.Done, 0
	if !r.Stream {
		r.tally.ForgetRest()
		r.taken, r.attempted, r.lastBarrier = r.tally.Done, r.tally.Done, r.tally.Done
	}
}

// reconnect subscribes again, as often as the policy allows. cause says how the connection was
// lost.
func (r *run) reconnect(ctx context.Context, cause error) error {
	_, err := reconnect.Open(ctx, r.losses.Series, cause, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.subscribe(ctx)
	}, func(f reconnect.Failure) {
		r.notice(report.NoticeReconnecting, fmt.Sprintf("reconnecting, attempt %d in %s: %v", f.Attempt, f.Wait, f.Err))
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("go on with queue %q%s: %w", r.Queue, r.lostInRow(), err)
	}
	return err
}

func (r *run) lostInRow() string {
	if n := r.losses.InRow(); n > 1 {
		return fmt.Sprintf(" (%d connections in a row were lost before anything was achieved)", n)
	}
	return ""
}

// reconnectPolicy returns the caller's policy with the settings of a run.
func (t Task) reconnectPolicy() reconnect.Policy {
	p := t.Timing.Reconnect
	p.Transient, p.Patience = Transient, t.Timing.Stall
	if p.Attempts < 0 {
		p.Attempts = 1 // one attempt to remove confirmed messages from the queue
	}
	return p
}

// reconnectForConfirmed acknowledges again the confirmed messages that returned because the
// connection was lost before their acknowledgements were applied. It sends nothing. Returned
// messages are at the head of the queue.
func (r *run) reconnectForConfirmed(ctx context.Context) error {
	r.notice(report.NoticeReconnecting,
		"the connection was lost at the end; reconnecting to make sure that nothing confirmed "+
			"stays in the queue")
	ctx, cancel := context.WithTimeout(ctx, 4*r.Timing.Grace)
	defer cancel()
	for _, s := range r.allSessions() {
		r.awaited += s.Held()
	}
	before := r.tallyNow()
	r.forgetSessions()
	r.restoreTally(before)
	r.confirmedOnly = true
	if err := r.reconnect(ctx, consume.ErrLost); err != nil {
		return err
	}
	return r.removeConfirmed(ctx)
}

// readAll reads to the end, and then looks for confirmed messages that returned. Messages that were
// confirmed before a loss do not count, so reading may end before all of them came.
func (r *run) readAll(ctx context.Context) error {
	r.confirmedOnly = false
	if err := r.read(ctx); err != nil || r.stopping.Load() {
		return err
	}
	return r.removeConfirmed(ctx)
}

// removeConfirmed looks for confirmed messages that returned, and acknowledges them again. They are
// at the head of the queue.
func (r *run) removeConfirmed(ctx context.Context) error {
	if r.Stream {
		return nil // nothing leaves a stream
	}
	r.confirmedOnly = true
	if r.confirmed.Outstanding() > 0 {
		r.active.Uncap() // what is looked for is in addition to Limit
	}
	for most := r.awaited + int64(r.confirmed.Outstanding()); most > 0 && r.confirmed.Outstanding() > 0; most-- {
		d, err := r.receive(ctx)
		switch {
		case errors.Is(err, errDrained), Lost(err):
			return nil
		case errors.Is(err, errCrowded):
			err = r.rotate(ctx)
		case err == nil:
			err = r.take(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) tallyNow() report.Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}

func (r *run) restoreTally(t report.Tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally = t
}

// StuckError reports that a message ends the connection whenever it is delivered. The message is
// still in its queue, and so is everything behind it.
type StuckError struct {
	Queue string
	// Position is the position of the message in the queue, from 1, as far as known: another
	// consumer may hold messages before it.
	Position int64
	// After is the id of the message before it, or "" if there is none.
	After string
	Cause error
}

// Error implements error.
func (e *StuckError) Error() string {
	behind := ""
	if e.After != "" {
		behind = fmt.Sprintf(" (behind message %q)", e.After)
	}
	return fmt.Sprintf("the connection ends whenever message %d of queue %q is delivered%s: it stays where it is, "+
		"and so does what is behind it: %v", e.Position, e.Queue, behind, e.Cause)
}

// Unwrap returns the error with which the connection ended.
func (e *StuckError) Unwrap() error { return e.Cause }

// place returns how far the run is: the messages done before this connection, and those that came
// on it.
func (r *run) place() int64 { return r.doneBefore + r.fresh }

// noteLoss records that the connection was lost. It returns a StuckError if the next message is the
// cause, and cause itself if another connection would end in the same way.
func (r *run) noteLoss(cause error) error {
	if errors.Is(cause, consume.ErrProtocol) {
		return cause
	}
	r.safe = 0
	for _, s := range r.allSessions() {
		r.safe += s.Held()
	}
	stuck := r.losses.Note(reconnect.Loss{
		Place: r.place(), InHand: r.Prefetch,
		Alone: r.active != nil && r.active.narrow && r.active.Alone(),
	})
	if stuck && !r.Stream {
		return &StuckError{Queue: r.Queue, Position: r.safe + 1, After: r.lastID, Cause: cause}
	}
	return nil
}

// narrow reports whether the next session takes only one message in hand.
func (r *run) narrow() bool { return !r.Stream && r.losses.Narrow(r.place()) }

// narrowPrefetch leaves room for one message besides the earlier ones that stay, which are known to
// do no harm.
func (r *run) narrowPrefetch() int {
	if len(r.parked) == 0 {
		return int(max(min(r.safe, int64(r.Prefetch)), 1))
	}
	return 1
}
