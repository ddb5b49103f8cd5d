package pipeline

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/publish"
)

// work performs the effect on jobs, one after another, until the channel of jobs is closed.
func (r *run) work(ctx context.Context) {
	for {
		j, ok := r.nextJob(ctx)
		if !ok {
			return
		}
		if !r.Stream && j.session.Lost() {
			j.done(jobNotBegun, "", "")
			continue
		}
		if r.stopping.Load() {
			j.done(jobFailed, report.ReasonInterrupted, "the run ended before its turn")
			continue
		}
		if err := r.effect.do(ctx, j); err != nil {
			r.fail(err)
		}
	}
}

// nextJob returns a job to be sent again if there is one, else the next new one. It flushes the
// effect before it waits.
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
		case <-r.resendReady:
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
		batch := r.ended
		r.ended = spare[:0]
		r.mu.Unlock()
		r.settleBatch(batch)
		clear(batch)
		spare = batch
		signal(r.idle)
		r.report(false)
	}
}

func (r *run) settleBatch(batch []*job) {
	var last *Session
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
	case j.result == jobDone:
		j.sent.End("", "")
		r.confirmed.Confirm(j.fingerprint)
		r.processed(j)
		if r.Keep && !r.Stream {
			s.Hold(j.tag)
		} else {
			s.Done(j.tag)
		}
	case j.result == jobFailed:
		j.sent.End(j.reason, j.detail)
		r.confirmed.Fail(j.fingerprint)
		r.refund(j)
		r.left(j.reason, j.detail, j.id, j.decision.Target)
		r.release(s, j.tag)
	case j.result == jobNotBegun:
		r.refund(j)
		s.Hold(j.tag)
	case s.Lost() && !r.Stream:
		// The message has returned to its queue and is delivered again.
		j.sent.End(report.ReasonUnknown, j.detail)
		r.increment(&r.resent)
		s.Hold(j.tag)
	case r.stopping.Load():
		j.sent.End(report.ReasonUnknown, j.detail)
		r.confirmed.Fail(j.fingerprint)
		r.left(report.ReasonUnknown, j.detail, j.id, j.decision.Target)
		r.release(s, j.tag)
	default:
		r.increment(&r.resent)
		r.mu.Lock()
		r.resend = append(r.resend, j)
		r.mu.Unlock()
		signal(r.resendReady)
	}
}

// refund reports to Admission that a message was not sent or did not arrive. A message with an
// unknown outcome may take up its room, so it is not refunded.
func (r *run) refund(j *job) {
	if r.Admission != nil && j.decision.Target != nil {
		r.Admission.Refund(*j.decision.Target, j.decision.Message)
	}
}

// release leaves a message where it is. In a stream all messages stay, and an acknowledgement only
// requests more.
func (r *run) release(s *Session, tag uint64) {
	if r.Stream {
		s.Done(tag)
		return
	}
	s.Hold(tag)
}

func (r *run) increment(n *int64) {
	r.mu.Lock()
	*n++
	r.mu.Unlock()
}

func (r *run) processed(j *job) {
	r.mu.Lock()
	r.tally.Went(j.decision.Target, j.decision.Message)
	if j.decision.Altered {
		r.altered++
	}
	r.mu.Unlock()
	r.record(report.Record{Outcome: r.Outcome, MessageID: j.id, Target: report.TargetOf(j.decision.Target)})
}

func (r *run) left(reason report.Reason, detail, id string, target *publish.Target) {
	r.mu.Lock()
	r.tally.Stay(reason, detail)
	r.mu.Unlock()
	r.record(report.Record{Outcome: report.OutcomeStayed, MessageID: id, Target: report.TargetOf(target), Reason: reason,
		Detail: detail})
}

func (r *run) record(rec report.Record) {
	if r.Recorder == nil {
		return
	}
	rec.Run, rec.Queue = r.ID, r.Queue
	if err := r.Recorder.Record(rec); err != nil {
		r.fail(err)
	}
}
