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
		r.returnToQueue(m.job)
	}
}

// published receives the outcomes of copies from the publisher.
func (r *run) published(outcomes []publish.Outcome[*transfer]) {
	for _, o := range outcomes {
		m := o.Tag
		switch o.Kind {
		case publish.Confirmed:
			r.ended(m.job, m.outcome, m.failure, &m.to, m.wait)
			m.job.Done()
		case publish.Unknown, publish.Unsent:
			// The publisher has ended: the original is delivered again, possibly as a duplicate.
			// End the run first, so that the messages behind it in its lane do not overtake it.
			r.unlessStopping(o.Err)
			r.returnToQueue(m.job)
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
		to, dead := r.Retry.Dead(j.Value.Message, r.note(j, m.failure))
		m.to, m.message, m.outcome, m.wait = to, dead, DeadLettered, 0
		r.later(j, 0, func() { r.publish(m) }) // not from here: the publisher must not be called from its callback
		return
	}
	if m.tries == 0 {
		r.notice(NoticeStuck, "message %q cannot go to %s: %v. It is kept unacknowledged and will be retried",
			j.Value.Message.MessageID, m.to, o.Err)
	}
	pause := min(copyPause<<min(m.tries, 10), copyPauseMax)
	m.tries++
	r.later(j, pause, func() { r.publish(m) })
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
