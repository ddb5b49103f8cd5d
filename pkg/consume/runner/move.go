package runner

import (
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// move is a copy under way to a wait queue or to the dead letters.
type move struct {
	job     *job
	to      publish.Target
	message *message.Message
	outcome Outcome
	failure *handle.Failure
	wait    time.Duration
	tries   int
}

// stuckPause is the pause before a copy is sent again that was not confirmed; it doubles up to
// stuckPauseMax.
const (
	stuckPause    = time.Second
	stuckPauseMax = time.Minute
)

// publish sends a copy. The original is acknowledged when that is confirmed.
func (r *run) publish(m *move) {
	if err := r.publisher.Publish(r.life, m.to, m.message, m); err != nil {
		if !r.stopping.Load() && r.life.Err() == nil {
			r.fail(err)
		}
		r.giveBack(m.job)
	}
}

// published is told by the publisher how copies fared.
func (r *run) published(outcomes []publish.Outcome[*move]) {
	for _, o := range outcomes {
		m := o.Tag
		switch o.Kind {
		case publish.Confirmed:
			r.ended(m.job, m.outcome, m.failure, &m.to, m.wait)
			m.job.session.Done(m.job.tag)
			r.lanes.done(m.job)
		case publish.Unknown, publish.Unsent:
			r.giveBack(m.job) // the publisher is over: the original comes again, at the price of a duplicate
		default:
			r.stuck(m, o)
		}
	}
	r.poke()
}

// stuck keeps a message in hand whose copy was not confirmed, and tries again. One whose wait queue
// is missing goes to the dead letters.
func (r *run) stuck(m *move, o publish.Outcome[*move]) {
	j := m.job
	if o.Kind == publish.Returned && m.outcome == Retried && r.Plan.DeadLetter != nil {
		r.notice(NoticeStuck, "the wait %s does not exist; what would wait there goes to the dead letters", m.to)
		to, dead := r.Plan.Dead(j.Message, r.note(j, m.failure))
		m.to, m.message, m.outcome, m.wait = to, dead, DeadLettered, 0
		r.park(j, 0, func() { r.publish(m) }) // not from here: the publisher must not be called while it tells
		return
	}
	if m.tries == 0 {
		r.notice(NoticeStuck, "message %q cannot go to %s: %v. It stays in hand, and that is tried again",
			j.Message.MessageID, m.to, o.Err)
	}
	pause := min(stuckPause<<min(m.tries, 10), stuckPauseMax)
	m.tries++
	r.park(j, pause, func() { r.publish(m) })
}

// park lets a job wait in hand, and then go on. When the run stops, or its connection is lost, it
// is given back instead.
func (r *run) park(j *job, wait time.Duration, then func()) {
	r.mu.Lock()
	if r.stopping.Load() || j.session.Lost() {
		r.mu.Unlock()
		r.giveBack(j)
		return
	}
	defer r.mu.Unlock()
	r.parked[j] = time.AfterFunc(wait, func() {
		r.mu.Lock()
		_, waits := r.parked[j]
		delete(r.parked, j)
		r.mu.Unlock()
		if waits {
			then()
		}
	})
}

// unpark gives back what waits: of one session, or with nil of all.
func (r *run) unpark(of *pipeline.Session) {
	r.mu.Lock()
	var back []*job
	for j, t := range r.parked {
		if of == nil || j.session == of {
			t.Stop()
			delete(r.parked, j)
			back = append(back, j)
		}
	}
	r.mu.Unlock()
	for _, j := range back {
		r.giveBack(j)
	}
}
