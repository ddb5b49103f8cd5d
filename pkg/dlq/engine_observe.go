package dlq

import (
	"fmt"
	"sync"
	"time"
)

// NoticeKind says what a Notice tells.
type NoticeKind string

// The kinds.
const (
	NoticeReconnecting NoticeKind = "reconnecting" // the connection was lost
	NoticeReconnected  NoticeKind = "reconnected"
	NoticePaused       NoticeKind = "paused" // a memory or disk alarm, or a full window at the target
	NoticeResumed      NoticeKind = "resumed"
	NoticeStage        NoticeKind = "stage" // a ramp's next stage, or its settling
)

// Notice is something a person who watches wants to know when it happens.
type Notice struct {
	Kind NoticeKind
	Text string
}

// Progress says how far a run is. Total is the snapshot; it can stay short of it when other
// consumers take messages.
type Progress struct {
	Total, Looked         int64
	Done, Skipped, Stayed int64
}

// Observer is told what happens. Calls come from several goroutines, one at a time; it must not
// block for long.
type Observer interface {
	// Progress is called a few times a second, and at the end.
	Progress(Progress)
	Notice(Notice)
}

// progressInterval spares observers and terminals.
const progressInterval = 100 * time.Millisecond

type progressMeter struct {
	observer Observer
	mu       sync.Mutex
	last     time.Time
}

func (r *run) notice(kind NoticeKind, text string) { r.progress.notice(kind, text) }

func (p *progressMeter) notice(kind NoticeKind, text string) {
	if p.observer == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observer.Notice(Notice{kind, text})
}

// report tells of progress, at most every so often unless it is the last time.
func (r *run) report(last bool) {
	if r.progress.observer == nil {
		return
	}
	r.mu.Lock()
	now := Progress{Total: r.total, Done: r.tally.done, Skipped: r.tally.skipped, Stayed: r.tally.staying()}
	r.mu.Unlock()
	now.Looked = now.Done + now.Skipped + now.Stayed
	r.progress.tell(now, last)
}

func (p *progressMeter) tell(now Progress, last bool) {
	if p.observer == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if last || time.Since(p.last) >= progressInterval {
		p.last = time.Now()
		p.observer.Progress(now)
	}
}

// plural counts things in a notice.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
