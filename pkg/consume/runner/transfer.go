package runner

import (
	"time"

	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// transfer is a copy being published to a wait queue or the dead-letter target.
type transfer struct {
	job     *job
	to      publish.Target
	message *message.Message
	outcome Outcome
	failure *handle.Failure
	wait    time.Duration
	tries   int
}

// copyPause is the pause before an unconfirmed copy is published again. It doubles up to
// copyPauseMax.
const (
	copyPause    = time.Second
	copyPauseMax = time.Minute
)

// publish publishes a copy. The original is acknowledged when the copy is confirmed.
func (r *run) publish(m *transfer) {
	if err := r.publisher.Publish(r.life, m.to, m.message, m); err != nil {
		r.unlessStopping(err)
		r.giveUp(m)
	}
}

// giveUp returns the original of a copy that is not published.
func (r *run) giveUp(m *transfer) {
	r.unstick(m)
	r.returnToQueue(m.job)
}

// unstick records that a copy is no longer waiting for another try.
func (r *run) unstick(m *transfer) {
	if m.tries > 0 {
		m.tries = 0
		r.stuck.Add(-1)
	}
}

// published receives the outcomes of copies from the publisher.
func (r *run) published(outcomes []publish.Outcome[*transfer]) {
	for _, o := range outcomes {
		m := o.Tag
		switch o.Kind {
		case publish.Confirmed:
			r.unstick(m)
			r.ended(m.job, m.outcome, m.failure, &m.to, m.wait)
			m.job.Done()
		case publish.Unknown, publish.Unsent:
			// The publisher has ended: the original is delivered again, possibly as a duplicate.
			// End the run first, so that the messages behind it in its lane do not overtake it.
			r.unlessStopping(o.Err)
			r.giveUp(m)
		default:
			r.retryCopy(m, o)
		}
	}
}

// retryCopy keeps a message whose copy was not confirmed, and publishes the copy again. If the wait
// queue is missing, the message goes to the dead-letter target.
func (r *run) retryCopy(m *transfer, o publish.Outcome[*transfer]) {
	j := m.job
	if o.Kind == publish.Returned && m.outcome == Retried && r.Retry.DeadLetter != nil {
		r.notice(NoticeStuck, "the wait %s does not exist; what would wait there goes to the dead letters", m.to)
		to, dead, ok := r.dead(j, m.failure)
		if !ok {
			r.giveUp(m)
			return
		}
		m.to, m.message, m.outcome, m.wait = to, dead, DeadLettered, 0
		r.publishLater(m, 0) // not from here: the publisher must not be called while it tells
		return
	}
	if m.tries == 0 {
		r.stuck.Add(1)
		r.notice(NoticeStuck, "message %q cannot go to %s: %v. It is kept unacknowledged and will be retried",
			j.Value.Message.MessageID, m.to, o.Err)
	}
	pause := min(copyPause<<min(m.tries, 10), copyPauseMax)
	m.tries++
	r.publishLater(m, pause)
}

// publishLater publishes a copy again after a pause, unless the run stops or loses its connection.
func (r *run) publishLater(m *transfer, pause time.Duration) {
	m.job.After(pause, func(over bool) {
		if !over {
			r.giveUp(m)
			return
		}
		r.publish(m)
	})
}

// later keeps a job for the given time, then calls then. When the run stops or loses its
// connection, the job is returned instead.
func (r *run) later(j *job, wait time.Duration, then func()) {
	j.After(wait, func(over bool) {
		if !over {
			r.returnToQueue(j)
			return
		}
		then()
	})
}
