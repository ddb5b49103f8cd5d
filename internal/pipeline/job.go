package pipeline

import (
	"context"

	"github.com/msgctl/msgctl/internal/pipeline/report"
)

// effect does to messages what was decided. One goroutine calls do. do calls job.done exactly once
// for each job, from any goroutine and at any time, even if it returns an error; an error ends the
// run. flush is called when no further message is at hand. end may be called twice, and while do
// runs. It waits until every job is done or ctx ends.
type effect interface {
	do(ctx context.Context, j *job) error
	flush(ctx context.Context) error
	end(ctx context.Context)
}

// jobResult is the way in which a job ended.
type jobResult uint8

const (
	jobDone jobResult = iota
	jobFailed
	jobUnknown  // it may have arrived: the connection was lost first
	jobNotBegun // the session was lost before: the message returns to its queue and is delivered again
)

// job is one message in the effect.
type job struct {
	decision    Decision
	run         *run
	session     *Session
	tag         uint64
	fingerprint uint64
	id          string // the message's
	size        int
	result      jobResult
	reason      report.Reason
	detail      string
	sent        report.Sent
}

// done passes the job to the run's settler. It never blocks for long.
func (j *job) done(result jobResult, reason report.Reason, detail string) {
	j.result, j.reason, j.detail = result, reason, detail
	r := j.run
	r.mu.Lock()
	r.ended = append(r.ended, j)
	r.mu.Unlock()
	signal(r.wake)
}

// signal wakes the receiver of a channel with a buffer of one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
