package report

import (
	"sync"
	"time"
)

// NoticeKind is the kind of a Notice.
type NoticeKind string

// The kinds.
const (
	NoticeReconnecting NoticeKind = "reconnecting" // the connection was lost
	NoticeReconnected  NoticeKind = "reconnected"
	NoticePaused       NoticeKind = "paused" // a memory or disk alarm, or a full window at the target
	NoticeResumed      NoticeKind = "resumed"
	NoticeStage        NoticeKind = "stage" // a ramp's next stage, or its settling
	// NoticeUnsure: it is not known whether the broker has applied all acknowledgements.
	NoticeUnsure NoticeKind = "unsure"
)

// Notice is an event that users should see at once.
type Notice struct {
	Kind NoticeKind
	Text string
}

// Progress is the state of a run, in messages. Total is the snapshot. Processed counts the messages
// that are done, were skipped or stayed; it can stay below Total if other consumers take messages.
type Progress struct {
	Total, Processed      int64
	Done, Skipped, Stayed int64
}

// Observer receives progress and notices. Its methods are called from several goroutines, one call
// at a time. They must not block for long.
type Observer interface {
	// Progress is called a few times a second, and at the end.
	Progress(Progress)
	Notice(Notice)
}

// progressInterval is the shortest time between two calls of Observer.Progress, except for the
// last.
const progressInterval = 100 * time.Millisecond

// Meter passes progress and notices to an observer, one call at a time.
type Meter struct {
	Observer Observer // may be nil
	mu       sync.Mutex
	last     time.Time
}

// Notice passes a notice to the observer.
func (m *Meter) Notice(kind NoticeKind, text string) {
	if m.Observer == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Observer.Notice(Notice{kind, text})
}

// Tell passes progress to the observer, at most ten times a second. It always passes the last
// progress.
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
