package handle

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Lines runs one long-lived process. For each message it writes a line of JSON to the process's
// stdin, and the process answers with a line of JSON on stdout:
//
//	{"tag":7,"attempt":1,"last":false,"exchange":"orders","routingKey":"order.created","queue":"q","properties":{…},"headers":{…},"size":17,"body":{…}}
//	{"tag":7,"result":"ack"}
//	{"tag":7,"result":"retry","error":"locked","type":"db","after":"30s"}
//	{"tag":7,"result":"dead-letter","error":"no such customer","type":"customer"}
//
// When several messages are handled at once, the process holds several at once. It may answer in
// any order. An answer without a tag is for the oldest message. Lines that do not begin with { are
// not answers: they are ignored, and so is stderr. When the process ends, hangs or gives an invalid
// answer, the oldest message it holds has failed and is retried; the others go to the next process.
// A process that ends before it reads anything has not started, and no message has failed. That
// ends the run, unless an earlier process has answered. Closing stdin asks the process to end.
type Lines struct {
	// Argv is the program and its arguments; Env is its environment.
	Argv, Env []string
	// Timeout limits the time for the oldest message the process holds; 0 means no limit.
	Timeout time.Duration
	// Label names the command. If it is "", the program's name is used.
	Label string

	mu       sync.Mutex
	current  *process
	barren   int // processes in a row that ended without an answer
	proven   bool
	startsAt time.Time
	closed   bool
}

// Name implements Handler.
func (l *Lines) Name() string { return orElse(l.Label, "exec "+filepath.Base(l.Argv[0])) }

// Handle implements Handler.
func (l *Lines) Handle(ctx context.Context, a *Attempt) Result {
	for ctx.Err() == nil {
		p, err := l.process(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return notStarted(err)
		}
		c, ok := p.send(a)
		if !ok {
			continue
		}
		select {
		case res := <-c.done:
			if res != nil {
				return *res
			}
			// The process ended because of another message.
		case <-ctx.Done():
			p.forget(c)
			return Stopped()
		}
	}
	return Stopped()
}

// barrenPause is the first pause before a restart of a process that ended without an answer; it
// doubles up to barrenPauseMax. After barrenMax such processes in a row, one that read nothing ends
// the run.
const (
	barrenMax      = 5
	barrenPause    = 50 * time.Millisecond
	barrenPauseMax = 10 * time.Second
)

// process returns the running process, or starts one.
func (l *Lines) process(ctx context.Context) (*process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.current != nil && !l.current.ended() {
			return l.current, nil
		}
		if l.current != nil {
			why := l.current.stillborn()
			l.note(l.current)
			if why != "" && (!l.proven || l.barren >= barrenMax) {
				return nil, &brokenError{why}
			}
		}
		wait := time.Until(l.startsAt)
		if wait <= 0 {
			break
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		l.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if l.closed {
		return nil, fmt.Errorf("start %s: it was closed", l.Name())
	}
	p, err := startProcess(l)
	if err != nil {
		return nil, err
	}
	l.current = p
	return p, nil
}

// note records that a process has ended, and when the next one may start.
func (l *Lines) note(p *process) {
	l.current = nil
	if p.answered() > 0 {
		l.proven = true
		l.barren, l.startsAt = 0, time.Time{}
		return
	}
	l.startsAt = time.Now().Add(min(barrenPause<<min(l.barren, 10), barrenPauseMax))
	l.barren++
}

// Close implements Handler. It never fails.
func (l *Lines) Close(ctx context.Context) error {
	l.mu.Lock()
	p := l.current
	l.closed = true
	l.mu.Unlock()
	if p == nil {
		return nil
	}
	p.hangUp()
	select {
	case <-p.over:
	case <-ctx.Done():
		_ = terminate(p.cmd)
		<-p.over
	}
	return nil
}
