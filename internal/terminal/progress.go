package terminal

import (
	"fmt"
	"io"
	"time"
)

// Progress shows how far a long job is. Calls may come from any goroutine. A stage begins, advances
// and ends; stages follow each other and do not overlap. Whatever it shows is never the only
// report: the result repeats the numbers.
type Progress interface {
	// Begin starts a stage: what is done ("apply"), in which unit ("objects"), how many in all (0:
	// not known).
	Begin(stage, unit string, total int64)
	// Add counts n more units as done.
	Add(n int64)
	// Detail says what else is to be shown beside the count: "3 retried, 1 being handled". It draws
	// anew when that is due, also when nothing was added.
	Detail(text string)
	// Note shows one line that stays; it is neutralised.
	Note(text string)
	// End ends the stage and shows its final state.
	End()
}

// ProgressMode is the value of --progress.
type ProgressMode string

// The values of --progress: auto is a bar on a terminal and nothing elsewhere.
const (
	ProgressAuto ProgressMode = "auto"
	ProgressJSON ProgressMode = "json"
	ProgressNone ProgressMode = "none"
)

// String returns the mode's name.
func (m *ProgressMode) String() string { return string(*m) }

// Set takes auto, json or none.
func (m *ProgressMode) Set(v string) error {
	switch ProgressMode(v) {
	case ProgressAuto, ProgressJSON, ProgressNone:
		*m = ProgressMode(v)
		return nil
	}
	return fmt.Errorf("want auto, json or none, not %q", v)
}

// Type names the value in a command's help.
func (m *ProgressMode) Type() string { return "how" }

// Progress returns what the mode asks for, writing to stderr. auto shows nothing off a terminal,
// because a log wants no bar and a program that wants to follow asks for json.
func (s *Streams) Progress(m ProgressMode) Progress {
	switch {
	case m == ProgressJSON:
		return &jsonProgress{w: s.Err, now: time.Now, every: time.Second}
	case m == ProgressNone, !s.ErrTTY, s.getenv("TERM") == "dumb":
		return Silent{}
	}
	return &barProgress{w: s.Err, width: s.findWidth, now: time.Now, every: 100 * time.Millisecond}
}

// Above is where lines are written while p is shown on the same terminal as w: a bar makes room for
// them, and stands below them again. A write is taken as whole lines.
func Above(p Progress, w io.Writer) io.Writer {
	if bar, ok := p.(*barProgress); ok {
		return &aboveBar{bar, w}
	}
	return w
}

// Silent shows no progress at all.
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

// stage is what both implementations count. It is guarded by its owner.
type stage struct {
	name, unit  string
	detail      string
	done, total int64
	start, last time.Time
	open        bool
	recent      []reading // of a stage without a total, oldest first
}

// reading is a count at some time.
type reading struct {
	at   time.Time
	done int64
}

// rateWindow and rateStep bound what the rate of a stage without a total is taken from: it may go on
// for days, and its mean would say nothing about now.
const (
	rateWindow = 10 * time.Second
	rateStep   = time.Second
)

// rate is the mean per second since the beginning, or that of the last seconds when the end is not
// known.
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

// read takes a reading if it is time, and returns the oldest of the window.
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

// left estimates the time to the end from the mean rate; false when nothing can be said.
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

// fraction is between 0 and 1; false when the total is not known.
func (s *stage) fraction() (float64, bool) {
	if s.total <= 0 {
		return 0, false
	}
	return min(1, float64(s.done)/float64(s.total)), true
}

// due reports whether it is time to draw again, and if so starts the next interval.
func (s *stage) due(now time.Time, every time.Duration) bool {
	if !s.open || now.Sub(s.last) < every {
		return false
	}
	s.last = now
	return true
}
