package runner

import (
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// work makes one attempt.
func (r *run) work(j *job) {
	a := &j.Value
	switch {
	case j.Lost(), r.dispatcher.Stopping(), !r.begins():
		r.returnToQueue(j)
		return
	case a.Message.Unread != nil:
		r.leave(j)
		return
	case r.recent.has(a.Message.MessageID):
		r.finish(j, Duplicate, nil)
		return
	}
	result := r.check(a)
	a.begun, a.open = r.Observer.Begin(&a.Attempt), true
	if result == nil {
		result = r.handle(a)
	}
	r.conclude(j, result)
}

// leave keeps a message that was not read until the end of the run, when it returns to its queue.
func (r *run) leave(j *job) {
	m := j.Value.Message
	kind := NoticeStuck
	if m.Unread.TooLarge {
		kind = NoticeTooLarge
	}
	r.notice(kind, "message %q: %s; it is kept unacknowledged and returns to queue %s at the end",
		m.MessageID, m.Unread.Why, r.Retry.Queue)
	r.returned(j, nil)
}

// handle calls the handler. A panic in it is a failure of the message.
func (r *run) handle(a *attempt) *handle.Result {
	start := time.Now()
	var res handle.Result
	if err := guarded.Call(func() { res = r.Handler.Handle(r.life, &a.Attempt) }); err != nil {
		return r.unfit(err)
	}
	a.took = time.Since(start)
	return &res
}

// begins counts an attempt. It reports whether the attempt is within the limit.
func (r *run) begins() bool {
	if r.Limit <= 0 {
		return true
	}
	n := r.attempts.Add(1)
	if n >= r.Limit {
		r.dispatcher.Enough()
	}
	return n <= r.Limit
}

// conclude acts on the result.
func (r *run) conclude(j *job, res *handle.Result) {
	switch {
	case res.Verdict == handle.Handled:
		r.recent.add(j.Value.Message.MessageID)
		r.finish(j, Handled, nil)
	case res.Verdict == handle.Return:
		if res.Fatal != nil {
			r.dispatcher.Fail(res.Fatal)
		}
		r.returned(j, res.Failure)
	case res.Verdict == handle.Retry && !j.Value.Last:
		r.retry(j, res)
	case r.Retry.Drop:
		r.finish(j, Dropped, res.Failure)
	default:
		r.deadLetter(j, res.Failure)
	}
}

// retry sends a message to its next retry step.
func (r *run) retry(j *job, res *handle.Result) {
	step := r.Retry.Step(j.Value.Number, res.After)
	switch {
	case j.Lost():
		r.returnToQueue(j) // it comes again by itself
	case r.Key != nil:
		// Wait here: messages with the same key must not overtake it.
		r.ended(j, Retried, res.Failure, nil, step.Delay)
		j.Value.Number++
		j.Value.Last = r.Retry.Last(j.Value.Number)
		r.later(j, step.Delay, j.Again)
	case r.Retry.Native:
		r.ended(j, Retried, res.Failure, nil, step.Delay)
		j.Reject()
	default:
		var to publish.Target
		var m *message.Message
		if !r.made(j, func() { to, m = r.Retry.Wait(j.Value.Message, r.note(j, res.Failure), res.After) }) {
			r.returnToQueue(j)
			return
		}
		r.publish(&transfer{job: j, to: to, message: m, outcome: Retried, failure: res.Failure, wait: step.Delay})
	}
}

// deadLetter publishes a dead letter.
func (r *run) deadLetter(j *job, f *handle.Failure) {
	if r.Retry.DeadLetter == nil || r.publisher == nil {
		r.notice(NoticeStuck, "message %q failed for good (%v) and queue %s has no place for dead letters: it is kept "+
			"unacknowledged",
			j.Value.Message.MessageID, f, r.Retry.Queue)
		r.returnToQueue(j)
		return
	}
	if j.Lost() {
		r.returnToQueue(j) // it is delivered again, and would be dead-lettered twice
		return
	}
	to, m, ok := r.dead(j, f)
	if !ok {
		r.returnToQueue(j)
		return
	}
	r.publish(&transfer{job: j, to: to, message: m, outcome: DeadLettered, failure: f})
}

// dead makes a dead letter. It returns false if that panics.
func (r *run) dead(j *job, f *handle.Failure) (to publish.Target, m *message.Message, ok bool) {
	ok = r.made(j, func() { to, m = r.Retry.Dead(j.Value.Message, r.note(j, f)) })
	return to, m, ok
}

// made calls make, which makes a copy of a message. If it panics, this concerns the message only:
// it stays in its queue.
func (r *run) made(j *job, make func()) bool {
	err := guarded.Call(make)
	if err != nil {
		r.notice(NoticeStuck, "no copy of message %q can be made: %v. It is kept unacknowledged and returns to queue %s at "+
			"the end", j.Value.Message.MessageID, err, r.Retry.Queue)
	}
	return err == nil
}

// note returns the failure note for a copy of the message. Other people read it, and a handler's
// error text may repeat a credential, so the text is redacted.
func (r *run) note(j *job, f *handle.Failure) message.FailureNote {
	return message.FailureNote{Attempts: j.Value.Number, Type: f.Type, Message: redact.Text(f.Message),
		Handler: j.Value.By, Queue: r.Retry.Queue, At: time.Now()}
}

// finish counts an attempt and acknowledges the message.
func (r *run) finish(j *job, o Outcome, f *handle.Failure) {
	r.ended(j, o, f, nil, 0)
	j.Done()
}

// returned gives back a job that a handler had begun.
func (r *run) returned(j *job, f *handle.Failure) {
	r.ended(j, Returned, f, nil, 0)
	r.returnToQueue(j)
}

// returnToQueue leaves a message in its queue: it returns there at the end of the run, or is there
// already.
func (r *run) returnToQueue(j *job) {
	if j.Value.open {
		r.ended(j, Returned, nil, nil, 0)
	}
	j.Hold()
}

// ended counts an attempt and notifies the observer.
func (r *run) ended(j *job, o Outcome, f *handle.Failure, to *publish.Target, wait time.Duration) {
	r.mu.Lock()
	r.report.Count(o)
	if o == Returned && !j.Lost() {
		r.report.Unfinished++
	}
	r.mu.Unlock()
	r.Observer.End(End{Attempt: &j.Value.Attempt, Outcome: o, Failure: f, Took: j.Value.took, Wait: wait, Target: to,
		Begun: j.Value.begun})
	j.Value.begun, j.Value.open = nil, false
}
