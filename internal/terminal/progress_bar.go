package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/units"
)

// barProgress redraws one line in place. It redraws at most once per interval (every), so that
// drawing does not slow down a fast job.
type barProgress struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // of the terminal, which may be resized
	now   func() time.Time
	every time.Duration
	s     stage
	drawn bool // a bar stands on the line
}

const (
	clearLine = "\r\x1b[K"
	barCells  = 24
)

// Begin implements Progress.
func (p *barProgress) Begin(name, unit string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.s = stage{name: name, unit: unit, total: total, start: now, last: now, open: true} // a quick job never draws
}

// Add implements Progress.
func (p *barProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.done += n
	p.redraw()
}

// Detail implements Progress.
func (p *barProgress) Detail(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.detail = Neutralise(text)
	p.redraw()
}

// Note implements Progress.
func (p *barProgress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.w, Neutralise(text))
	p.draw()
}

// End implements Progress. It removes the bar, because the report of the command follows.
func (p *barProgress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.s.open = false
}

// redraw replaces the bar if the interval has passed.
func (p *barProgress) redraw() {
	if now := p.now(); p.s.due(now, p.every) {
		fmt.Fprint(p.w, clearLine+p.line(now))
		p.drawn = true
	}
}

// draw draws the bar on an empty line.
func (p *barProgress) draw() {
	if p.s.open {
		fmt.Fprint(p.w, p.line(p.now()))
		p.drawn = true
	}
}

// clear removes the bar if one is drawn.
func (p *barProgress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, clearLine)
	}
	p.drawn = false
}

func (p *barProgress) line(now time.Time) string {
	var b strings.Builder
	b.WriteString(p.s.name)
	if f, ok := p.s.fraction(); ok {
		n := int(f * barCells)
		fmt.Fprintf(&b, " %s%s %3.0f%%", strings.Repeat("█", n), strings.Repeat("░", barCells-n), f*100)
		fmt.Fprintf(&b, "  %s/%s %s", FormatCount(p.s.done), FormatCount(p.s.total), p.s.unit)
	} else {
		fmt.Fprintf(&b, "  %s %s", FormatCount(p.s.done), p.s.unit)
	}
	if p.s.detail != "" {
		b.WriteString(", " + p.s.detail)
	}
	if r := p.s.rate(now); r > 0 {
		b.WriteString("  " + formatRate(r))
	}
	if d, ok := p.s.left(now); ok {
		fmt.Fprintf(&b, "  %s left", units.FormatDuration(d))
	}
	// Leave the last column free: a line that the terminal wraps cannot be redrawn in place.
	return Truncate(b.String(), p.width()-1)
}

// formatRate formats a rate. Low rates have one decimal place, so that a slow handler does not show
// as "0/s".
func formatRate(perSecond float64) string {
	if perSecond < 9.95 {
		return strconv.FormatFloat(perSecond, 'f', 1, 64) + "/s"
	}
	return FormatCount(int64(perSecond+0.5)) + "/s"
}

// aboveBar is the writer that Above returns for a bar.
type aboveBar struct {
	bar *barProgress
	w   io.Writer
}

// Write implements io.Writer.
func (a *aboveBar) Write(text []byte) (int, error) {
	p := a.bar
	p.mu.Lock()
	defer p.mu.Unlock()
	again := p.drawn
	p.clear()
	n, err := a.w.Write(text)
	if again {
		p.draw()
	}
	return n, err
}
