package report

import (
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

// Meter tells an observer of progress, and of what happens, one call at a time.
type Meter struct {
	Observer Observer // nil is told nothing
	mu       sync.Mutex
	last     time.Time
}

// Notice tells of what happens.
func (m *Meter) Notice(kind NoticeKind, text string) {
	if m.Observer == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Observer.Notice(Notice{kind, text})
}

// Tell tells of progress, a few times a second at most unless it is the last time.
func (m *Meter) Tell(now Progress, last bool) {
	if m.Observer == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if last || time.Since(m.last) >= progressInterval {
		m.last = time.Now()
		m.Observer.Progress(now)
	}
}
