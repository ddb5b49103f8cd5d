package terminal

import (
	"io"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// jsonProgress writes one JSON object per line. Between the begin and the end of a stage it writes
// at most one progress object per interval (every).
type jsonProgress struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	every time.Duration
	s     stage
}

// progressEvent is one line. Its form is stable: fields may be added, but none changes its meaning.
type progressEvent struct {
	Type      string  `json:"type"` // begin, progress, note, end
	Stage     string  `json:"stage,omitempty"`
	Unit      string  `json:"unit,omitempty"`
	Done      int64   `json:"done"`
	Total     int64   `json:"total,omitempty"`
	ElapsedMS int64   `json:"elapsed_ms"`
	Rate      float64 `json:"rate_per_second,omitempty"`
	LeftMS    int64   `json:"left_ms,omitempty"`
	Text      string  `json:"text,omitempty"`
}

// Begin implements Progress.
func (p *jsonProgress) Begin(name, unit string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.s = stage{name: name, unit: unit, total: total, start: now, last: now, open: true}
	p.write("begin", "", now)
}

// Add implements Progress.
func (p *jsonProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.done += n
	p.report()
}

// Detail implements Progress.
func (p *jsonProgress) Detail(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.detail = Neutralise(text)
	p.report()
}

// report writes a progress object if the interval has passed.
func (p *jsonProgress) report() {
	if now := p.now(); p.s.due(now, p.every) {
		p.write("progress", "", now)
	}
}

// Note implements Progress.
func (p *jsonProgress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write("note", Neutralise(text), p.now())
}

// End implements Progress.
func (p *jsonProgress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.s.open {
		p.write("end", "", p.now())
	}
	p.s.open = false
}

func (p *jsonProgress) write(kind, text string, now time.Time) {
	e := progressEvent{Type: kind, Text: text}
	if p.s.open {
		e.Stage, e.Unit, e.Done, e.Total = p.s.name, p.s.unit, p.s.done, p.s.total
		if kind != "note" {
			e.Text = p.s.detail
		}
		e.ElapsedMS, e.Rate = now.Sub(p.s.start).Milliseconds(), p.s.rate(now)
	}
	if left, ok := p.s.left(now); ok && p.s.open {
		e.LeftMS = left.Milliseconds()
	}
	_ = jsonline.EncodeIndent(p.w, e, "", "") // progress that cannot be shown must not stop the work
}
