package dispatch

import (
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/pipeline"
)

// Job is one delivery in progress. Done, Reject or Hold ends it. Exactly one of them must be
// called, once, from any goroutine.
type Job[T any] struct {
	// Value is the value that Accept returned for the delivery.
	Value T

	from    *Dispatcher[T]
	session *pipeline.Session
	tag     uint64
	key     string
}

// Lost reports whether the connection of the delivery is known to be lost. The broker then delivers
// the message again, however the job ends.
func (j *Job[T]) Lost() bool { return j.session.Lost() }

// Done ends the job; its message is acknowledged soon.
func (j *Job[T]) Done() {
	j.stamp()
	j.session.Done(j.tag)
	j.end()
}

// Reject ends the job and returns its message at once, as a failed attempt.
func (j *Job[T]) Reject() {
	j.stamp()
	j.session.Reject(j.tag)
	j.end()
}

// Hold ends the job and leaves its message unacknowledged. The message returns to its queue at the
// end, or has already returned.
func (j *Job[T]) Hold() {
	j.stamp()
	j.session.Hold(j.tag)
	j.from.lanes.done(j)
	if j.session.Stuffed() && !j.session.Lost() {
		j.from.end(errFull)
	}
}

// stamp records that there was something to do until now.
func (j *Job[T]) stamp() { j.from.busy.Store(time.Now().UnixNano()) }

func (j *Job[T]) end() {
	if !j.session.Lost() {
		j.from.settled.Add(1)
	}
	j.from.lanes.done(j)
	select {
	case j.from.wake <- struct{}{}:
	default:
	}
}

// Again gives the job to a worker again. The job keeps its lane.
func (j *Job[T]) Again() {
	j.session.Spend()
	j.from.lanes.again(j)
}

// delay is the wait of a job that stays in hand.
type delay struct {
	timer *time.Timer
	then  func(over bool)
}

// After calls then with true after the wait, in a goroutine of its own. If the dispatcher stops or
// the connection of the job is lost, it calls then with false at once.
func (j *Job[T]) After(wait time.Duration, then func(over bool)) {
	d := j.from
	d.mu.Lock()
	if d.stopping.Load() || j.session.Lost() {
		d.mu.Unlock()
		then(false)
		return
	}
	defer d.mu.Unlock()
	d.delayed[j] = delay{then: then, timer: time.AfterFunc(wait, guarded.Func(func() {
		d.mu.Lock()
		_, waits := d.delayed[j]
		delete(d.delayed, j)
		d.mu.Unlock()
		if waits {
			then(true)
		}
	}))}
}

// cancelDelays ends the waits of one session, or of all sessions if of is nil.
func (d *Dispatcher[T]) cancelDelays(of *pipeline.Session) {
	d.mu.Lock()
	var canceled []delay
	for j, w := range d.delayed {
		if of == nil || j.session == of {
			w.timer.Stop()
			delete(d.delayed, j)
			canceled = append(canceled, w)
		}
	}
	d.mu.Unlock()
	for _, w := range canceled {
		w.then(false)
	}
}
