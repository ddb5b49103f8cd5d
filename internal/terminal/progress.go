package terminal

import (
	"fmt"
	"io"
	"time"
)

// Progress shows the progress of a long job, as a sequence of stages that do not overlap. It is
// safe for concurrent use. Progress is never the only report: the result of the command repeats the
// numbers.
type Progress interface {
	// Begin starts a stage, such as "apply". unit is what it counts, such as "objects". total is
	// the expected number of units, or 0 if it is unknown.
	Begin(stage, unit string, total int64)
	// Add counts n more units as done.
	Add(n int64)
	// Detail sets a text to show next to the count: "3 retried, 1 being handled". Like Add, it
	// redraws if a redraw is due.
	Detail(text string)
	// Note shows a line that remains visible. It neutralises text.
	Note(text string)
	// End ends the stage and shows its final state.
	End()
}

// ProgressMode is the value of --progress.
type ProgressMode string

// The values of --progress. ProgressAuto shows a bar on a terminal and nothing elsewhere.
const (
	ProgressAuto ProgressMode = "auto"
	ProgressJSON ProgressMode = "json"
	ProgressNone ProgressMode = "none"
)

// String returns the name of the mode.
func (m *ProgressMode) String() string { return string(*m) }

// Set sets the mode to auto, json or none. It returns an error for any other value.
func (m *ProgressMode) Set(v string) error {
	switch ProgressMode(v) {
	case ProgressAuto, ProgressJSON, ProgressNone:
		*m = ProgressMode(v)
		return nil
	}
	return fmt.Errorf("want auto, json or none, not %q", v)
}

// Type returns the placeholder for the value in help texts.
func (m *ProgressMode) Type() string { return "how" }

// Progress returns the Progress of the mode, which writes to stderr. With ProgressAuto it shows
// nothing if stderr is not a terminal: a log needs no bar, and a program can ask for json.
func (s *Streams) Progress(m ProgressMode) Progress {
	switch {
	case m == ProgressJSON:
		return &jsonProgress{w: s.Err, now: time.Now, every: time.Second}
	case m == ProgressNone, !s.ErrTTY, s.getenv("TERM") == "dumb":
		return Silent{}
	}
	return &barProgress{w: s.Err, width: s.findWidth, now: time.Now, every: 100 * time.Millisecond}
}

// Above returns a writer for lines on the terminal that also shows p. If p is a bar, each write
// removes the bar, writes to w, and draws the bar again below. A write must consist of whole lines.
func Above(p Progress, w io.Writer) io.Writer {
	if bar, ok := p.(*barProgress); ok {
		return &aboveBar{bar, w}
	}
	return w
}

// Silent is a Progress that shows nothing.
type Silent struct{}

// Begin does nothing.
func (Silent) Begin(string, string, int64) {}

// Add does nothing.
func (Silent) Add(int64) {}

// Detail does nothing.
func (Silent) Detail(string) {}

// Note does nothing.
func (Silent) Note(string) {}

// End does nothing.
func (Silent) End() {}

// stage is the state of one stage in both implementations. The mutex of its owner guards it.
type stage struct {
	name, unit  string
	detail      string
	done, total int64
	start, last time.Time
	open        bool
	recent      []reading // of a stage without a total, oldest first
}

// reading is the count at a point in time.
type reading struct {
	at   time.Time
	done int64
}

// A stage without a total may run for days, so its overall mean rate says little about the present.
// Its rate is the mean over rateWindow, from readings at least rateStep apart.
const (
	rateWindow = 10 * time.Second
	rateStep   = time.Second
)

// rate returns the mean number of units per second: since the start of the stage, or within
// rateWindow if the stage has no total.
func (s *stage) rate(now time.Time) float64 {
	from := reading{at: s.start}
	if s.total <= 0 {
		from = s.read(now)
	}
	if d := now.Sub(from.at).Seconds(); d > 0 {
		return float64(s.done-from.done) / d
	}
	return 0
}

// read takes a reading if one is due. It returns the oldest reading in the window.
func (s *stage) read(now time.Time) reading {
	if len(s.recent) == 0 {
		s.recent = append(s.recent, reading{at: s.start})
	}
	if now.Sub(s.recent[len(s.recent)-1].at) >= rateStep {
		s.recent = append(s.recent, reading{now, s.done})
	}
	for len(s.recent) > 2 && now.Sub(s.recent[1].at) >= rateWindow {
		s.recent = s.recent[1:]
	}
	return s.recent[0]
}

// left estimates the remaining time from the mean rate. It returns false if there is no estimate.
func (s *stage) left(now time.Time) (time.Duration, bool) {
	r := s.rate(now)
	if r <= 0 || s.total <= s.done {
		return 0, false
	}
	seconds := float64(s.total-s.done) / r
	if seconds > 1e9 {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second), true
}

// fraction returns the completed part of the stage, from 0 to 1. It returns false if the total is
// unknown.
func (s *stage) fraction() (float64, bool) {
	if s.total <= 0 {
		return 0, false
	}
	return min(1, float64(s.done)/float64(s.total)), true
}

// due reports whether it is time to redraw. If so, it starts the next interval.
func (s *stage) due(now time.Time, every time.Duration) bool {
	if !s.open || now.Sub(s.last) < every {
		return false
	}
	s.last = now
	return true
}
