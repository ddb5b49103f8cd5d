package runner

import (
	"time"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

func (r *run) work() {
	for {
		j, ok := r.lanes.take()
		if !ok {
			return
		}
		r.one(j)
	}
}

// one makes one attempt.
func (r *run) one(j *job) {
	switch {
	case j.session.Lost(), r.stopping.Load(), !r.begins():
		r.returnToQueue(j)
		return
	case r.recent.has(j.Message.MessageID):
		r.finish(j, Duplicate, nil)
		return
	}
	j.begun, j.open = r.Observer.Begin(&j.Job), true
	result := j.verdict
	if result == nil {
		start := time.Now()
		res := r.Handler.Handle(r.life, &j.Job)
		j.took, result = time.Since(start), &res
	}
	r.conclude(j, result)
}

// begins counts an attempt, and is false beyond the limit.
func (r *run) begins() bool {
	n := r.attempts.Add(1)
	if r.Limit <= 0 || n < r.Limit {
		return true
	}
	r.stop(errEnough)
	return n == r.Limit
}

// conclude does what the result says.
func (r *run) conclude(j *job, res *handle.Result) {
	switch {
	case res.Verdict == handle.Handled:
		r.recent.add(j.Message.MessageID)
		r.finish(j, Handled, nil)
	case res.Verdict == handle.Return:
		if res.Fatal != nil {
			r.fail(res.Fatal)
		}
		r.returned(j, res.Failure)
	case res.Verdict == handle.Retry && !j.Last:
		r.retry(j, res)
	case r.Plan.Drop:
		r.finish(j, Dropped, res.Failure)
	default:
		r.deadLetter(j, res.Failure)
	}
}

// retry sends a message to its next retry step.
func (r *run) retry(j *job, res *handle.Result) {
	step := r.Plan.Step(j.Attempt, res.After)
	switch {
	case j.session.Lost():
		r.returnToQueue(j) // it comes again by itself
	case r.Key != nil:
		// In hand, for what has the same key must not overtake it.
		r.ended(j, Retried, res.Failure, nil, step.Delay)
		j.Attempt++
		j.Last = r.Plan.Last(j.Attempt)
		r.delay(j, step.Delay, func() { r.lanes.again(j) })
	case r.Plan.Native:
		r.ended(j, Retried, res.Failure, nil, step.Delay)
		j.session.Reject(j.tag)
		r.lanes.done(j)
		r.wakeAcknowledger()
	default:
		to, m := r.Plan.Wait(j.Message, r.note(j, res.Failure), res.After)
		r.publish(&transfer{job: j, to: to, message: m, outcome: Retried, failure: res.Failure, wait: step.Delay})
	}
}

// deadLetter makes a dead letter.
func (r *run) deadLetter(j *job, f *handle.Failure) {
	if r.Plan.DeadLetter == nil || r.publisher == nil {
		r.notice(NoticeStuck, "message %q failed for good (%v) and queue %s has no place for dead letters: it is kept "+
			"unacknowledged",
			j.Message.MessageID, f, r.Plan.Queue)
		r.returnToQueue(j)
		return
	}
	if j.session.Lost() {
		r.returnToQueue(j) // it comes again by itself, and would be a dead letter twice
		return
	}
	to, m := r.Plan.Dead(j.Message, r.note(j, f))
	r.publish(&transfer{job: j, to: to, message: m, outcome: DeadLettered, failure: f})
}

// note is what a message that goes on tells of its failure. Others read it: a handler's words may
// repeat a credential.
func (r *run) note(j *job, f *handle.Failure) message.FailureNote {
	return message.FailureNote{Attempts: j.Attempt, Type: f.Type, Message: redact.Text(f.Message), Handler: j.By,
		Queue: r.Plan.Queue,
		At:    time.Now()}
}

// finish acknowledges: what was to be done is done.
func (r *run) finish(j *job, o Outcome, f *handle.Failure) {
	r.ended(j, o, f, nil, 0)
	j.session.Done(j.tag)
	r.lanes.done(j)
	r.wakeAcknowledger()
}

// returned gives a job back that a handler had begun.
func (r *run) returned(j *job, f *handle.Failure) {
	r.ended(j, Returned, f, nil, 0)
	r.returnToQueue(j)
}

// returnToQueue leaves a message in its queue; it goes back there at the end, or is there already.
func (r *run) returnToQueue(j *job) {
	if j.open {
		r.ended(j, Returned, nil, nil, 0)
	}
	j.session.Hold(j.tag)
	r.lanes.done(j)
}

// ended counts and tells.
func (r *run) ended(j *job, o Outcome, f *handle.Failure, to *publish.Target, wait time.Duration) {
	r.mu.Lock()
	switch o {
	case Handled:
		r.report.Handled++
	case Retried:
		r.report.Retried++
	case DeadLettered:
		r.report.DeadLettered++
	case Dropped:
		r.report.Dropped++
	case Duplicate:
		r.report.Duplicates++
	case Returned:
		r.report.Returned++
	}
	r.mu.Unlock()
	r.Observer.End(End{Job: &j.Job, Outcome: o, Failure: f, Took: j.took, Wait: wait, Target: to, Begun: j.begun})
	j.begun, j.open = nil, false
}
