package runner

import (
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// transfer is a copy under way to a wait queue or to the dead letters.
type transfer struct {
	job     *job
	to      publish.Target
	message *message.Message
	outcome Outcome
	failure *handle.Failure
	wait    time.Duration
	tries   int
}

// copyPause is the pause before a copy is sent again that was not confirmed; it doubles up to
// copyPauseMax.
const (
	copyPause    = time.Second
	copyPauseMax = time.Minute
)

// publish sends a copy. The original is acknowledged when that is confirmed.
func (r *run) publish(m *transfer) {
	if err := r.publisher.Publish(r.life, m.to, m.message, m); err != nil {
		if !r.stopping.Load() && r.life.Err() == nil {
			r.fail(err)
		}
		r.returnToQueue(m.job)
	}
}

// published is told by the publisher how copies fared.
func (r *run) published(outcomes []publish.Outcome[*transfer]) {
	for _, o := range outcomes {
		m := o.Tag
		switch o.Kind {
		case publish.Confirmed:
			r.ended(m.job, m.outcome, m.failure, &m.to, m.wait)
			m.job.session.Done(m.job.tag)
			r.lanes.done(m.job)
		case publish.Unknown, publish.Unsent:
			r.returnToQueue(m.job) // the publisher is over: the original comes again, at the price of a duplicate
		default:
			r.retryCopy(m, o)
		}
	}
	r.wakeAcknowledger()
}

// retryCopy keeps a message in hand whose copy was not confirmed, and tries again. One whose wait
// queue is missing goes to the dead letters.
func (r *run) retryCopy(m *transfer, o publish.Outcome[*transfer]) {
	j := m.job
	if o.Kind == publish.Returned && m.outcome == Retried && r.Plan.DeadLetter != nil {
		r.notice(NoticeStuck, "the wait %s does not exist; what would wait there goes to the dead letters", m.to)
		to, dead := r.Plan.Dead(j.Message, r.note(j, m.failure))
		m.to, m.message, m.outcome, m.wait = to, dead, DeadLettered, 0
		r.delay(j, 0, func() { r.publish(m) }) // not from here: the publisher must not be called while it tells
		return
	}
	if m.tries == 0 {
		r.notice(NoticeStuck, "message %q cannot go to %s: %v. It is kept unacknowledged and will be retried",
			j.Message.MessageID, m.to, o.Err)
	}
	pause := min(copyPause<<min(m.tries, 10), copyPauseMax)
	m.tries++
	r.delay(j, pause, func() { r.publish(m) })
}

// delay lets a job wait in hand, and then go on. When the run stops, or its connection is lost, it
// is given back instead.
func (r *run) delay(j *job, wait time.Duration, then func()) {
	r.mu.Lock()
	if r.stopping.Load() || j.session.Lost() {
		r.mu.Unlock()
		r.returnToQueue(j)
		return
	}
	defer r.mu.Unlock()
	r.delayed[j] = time.AfterFunc(wait, func() {
		r.mu.Lock()
		_, waits := r.delayed[j]
		delete(r.delayed, j)
		r.mu.Unlock()
		if waits {
			then()
		}
	})
}

// cancelDelays gives back what waits: of one session, or with nil of all.
func (r *run) cancelDelays(of *pipeline.Session) {
	r.mu.Lock()
	var back []*job
	for j, t := range r.delayed {
		if of == nil || j.session == of {
			t.Stop()
			delete(r.delayed, j)
			back = append(back, j)
		}
	}
	r.mu.Unlock()
	for _, j := range back {
		r.returnToQueue(j)
	}
}
