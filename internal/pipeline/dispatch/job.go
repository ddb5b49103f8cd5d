package dispatch

import (
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
)

// Job is one delivery on its way. Done, Reject or Hold ends it: one of them, once, from any
// goroutine.
type Job[T any] struct {
	// Value is what Accept made of the delivery.
	Value T

	from    *Dispatcher[T]
	session *pipeline.Session
	tag     uint64
	key     string
}

// Lost reports whether the connection of the delivery is known to be lost: the broker delivers the
// message again, whatever becomes of the job.
func (j *Job[T]) Lost() bool { return j.session.Lost() }

// Done acknowledges the message soon.
func (j *Job[T]) Done() {
	j.stamp()
	j.session.Done(j.tag)
	j.end()
}

// Reject returns the message at once, as a failed attempt.
func (j *Job[T]) Reject() {
	j.stamp()
	j.session.Reject(j.tag)
	j.end()
}

// Hold leaves the message unacknowledged. It returns to its queue at the end, or has already done
// so.
func (j *Job[T]) Hold() {
	j.stamp()
	j.session.Hold(j.tag)
	j.from.lanes.done(j)
}

// stamp says that there was something to do until now.
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

// Again gives the job to a worker again. It keeps its turn in its lane.
func (j *Job[T]) Again() { j.from.lanes.again(j) }

// delay is a job that waits in hand.
type delay struct {
	timer *time.Timer
	then  func(over bool)
}

// After calls then once the wait is over, in a goroutine of its own. When the dispatcher stops, or
// the connection of the job is lost, it is called at once with false instead.
func (j *Job[T]) After(wait time.Duration, then func(over bool)) {
	d := j.from
	d.mu.Lock()
	if d.stopping.Load() || j.session.Lost() {
		d.mu.Unlock()
		then(false)
		return
	}
	defer d.mu.Unlock()
	d.delayed[j] = delay{then: then, timer: time.AfterFunc(wait, func() {
		d.mu.Lock()
		_, waits := d.delayed[j]
		delete(d.delayed, j)
		d.mu.Unlock()
		if waits {
			then(true)
		}
	})}
}

// cancelDelays ends the waits of one session, or with nil of all.
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
