package dlq

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/publish"
)

// work performs the effect on jobs, one after another, until the channel of jobs is closed.
func (r *run) work(ctx context.Context) {
	for {
		j, ok := r.nextJob(ctx)
		if !ok {
			return
		}
		if !r.stream && j.session.Lost() {
			j.done(fateDropped, "", "")
			continue
		}
		if r.stopping.Load() {
			j.done(fateStays, ReasonInterrupted, "the run ended before its turn")
			continue
		}
		if err := r.effect.do(ctx, j); err != nil {
			r.fail(err)
		}
	}
}

// nextJob prefers what has to be sent again, and flushes the effect before it waits.
func (r *run) nextJob(ctx context.Context) (*job, bool) {
	if j := r.popResend(); j != nil {
		return j, true
	}
	select {
	case j, ok := <-r.jobs:
		return j, ok
	default:
	}
	for {
		if err := r.effect.flush(ctx); err != nil {
			r.fail(err)
		}
		select {
		case j, ok := <-r.jobs:
			return j, ok
		case <-r.again:
			if j := r.popResend(); j != nil {
				return j, true
			}
		}
	}
}

func (r *run) popResend() *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.resend) == 0 {
		return nil
	}
	j := r.resend[0]
	r.resend = r.resend[1:]
	return j
}

// settler settles jobs as they end, all that have ended at a time: one acknowledgement then stands
// for many. It returns when quit is closed and everything that ended before is settled.
func (r *run) settler(quit <-chan struct{}) {
	var spare []*job
	for last := false; !last; {
		select {
		case <-r.wake:
		case <-quit:
			last = true
		}
		r.mu.Lock()
		batch := r.inbox
		r.inbox = spare[:0]
		r.mu.Unlock()
		r.settleBatch(batch)
		clear(batch)
		spare = batch
		poke(r.idle)
		r.report(false)
	}
}

func (r *run) settleBatch(batch []*job) {
	var last *pipeline.Session
	for _, j := range batch {
		if last != nil && last != j.session {
			last.Flush()
		}
		last = j.session
		r.settle(j)
	}
	if last != nil {
		last.Flush()
	}
}

func (r *run) settle(j *job) {
	s := j.session
	switch {
	case j.fate == fateDone:
		j.sent.end("", "")
		r.seen.confirmed(j.print)
		r.went(j)
		if r.keep && !r.stream {
			s.Hold(j.tag)
		} else {
			s.Done(j.tag)
		}
	case j.fate == fateStays:
		j.sent.end(j.reason, j.detail)
		r.seen.failed(j.print)
		r.stays(j.reason, j.detail, j.id, j.v.target)
		r.release(s, j.tag)
	case j.fate == fateDropped:
		s.Hold(j.tag)
	case s.Lost() && !r.stream:
		// It is back in its queue, and comes again.
		j.sent.end(ReasonUnknown, j.detail)
		r.count(&r.resent)
		s.Hold(j.tag)
	case r.stopping.Load():
		j.sent.end(ReasonUnknown, j.detail)
		r.seen.failed(j.print)
		r.stays(ReasonUnknown, j.detail, j.id, j.v.target)
		r.release(s, j.tag)
	default:
		r.count(&r.resent)
		r.mu.Lock()
		r.resend = append(r.resend, j)
		r.mu.Unlock()
		poke(r.again)
	}
}

// release leaves a message where it is. In a stream everything stays anyway, and an acknowledgement
// only asks for more.
func (r *run) release(s *pipeline.Session, tag uint64) {
	if r.stream {
		s.Done(tag)
		return
	}
	s.Hold(tag)
}

func (r *run) count(n *int64) {
	r.mu.Lock()
	*n++
	r.mu.Unlock()
}

func (r *run) went(j *job) {
	r.mu.Lock()
	r.tally.went(j.v.target)
	if j.v.altered {
		r.alter++
	}
	r.mu.Unlock()
	r.record(Record{Outcome: r.outcome, MessageID: j.id, Target: recordTarget(j.v.target)})
}

func (r *run) stays(reason Reason, detail, id string, target *publish.Target) {
	r.mu.Lock()
	r.tally.stay(reason, detail)
	r.mu.Unlock()
	r.record(Record{Outcome: OutcomeStayed, MessageID: id, Target: recordTarget(target), Reason: reason, Detail: detail})
}

func (r *run) record(rec Record) {
	if r.recorder == nil {
		return
	}
	rec.Run, rec.Queue = r.id, r.queue
	if err := r.recorder.Record(rec); err != nil {
		r.fail(err)
	}
}
