package consume

import (
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/runner"
)

// redrawEvery is how often progress is shown while nothing happens: a rate falls by itself.
const redrawEvery = time.Second

// shownProgress shows how a run goes: what was handled, retried and dead-lettered so far, and what
// is being handled now.
type shownProgress struct {
	bar   terminal.Progress
	none  bool // nothing is shown, so nothing is counted
	begun sync.Once
	quit  chan struct{}
	ended sync.WaitGroup

	mu    sync.Mutex
	now   int64 // being handled
	total runner.Report
}

func newShownProgress(bar terminal.Progress) *shownProgress {
	_, none := bar.(terminal.Silent)
	return &shownProgress{bar: bar, none: none, quit: make(chan struct{})}
}

// progressBar is what progress is shown with. Messages that are printed on the same terminal show
// it themselves.
func (c *consuming) progressBar() terminal.Progress {
	s := c.proc.Streams
	if c.progress == terminal.ProgressAuto && c.consumeOptions.handler.print && s.OutTTY {
		return terminal.Silent{}
	}
	return s.Progress(c.progress)
}

// start begins to show, once: from then on the terminal's last line is the progress.
func (p *shownProgress) start() {
	if p.none {
		return
	}
	p.begun.Do(func() {
		p.bar.Begin("consume", "handled", 0)
		p.ended.Go(guarded.Func(func() {
			tick := time.NewTicker(redrawEvery)
			defer tick.Stop()
			for {
				select {
				case <-p.quit:
					return
				case <-tick.C:
					p.show(0)
				}
			}
		}))
	})
}

// end takes the progress away.
func (p *shownProgress) end() {
	close(p.quit)
	p.ended.Wait()
	p.bar.End()
}

// begin counts a message that is being handled.
func (p *shownProgress) begin() {
	if p.none {
		return
	}
	p.mu.Lock()
	p.now++
	p.mu.Unlock()
}

// count counts how one ended.
func (p *shownProgress) count(o runner.Outcome) {
	if p.none {
		return
	}
	p.mu.Lock()
	var handled int64
	if o == runner.Handled {
		handled = 1
	}
	p.total.Count(o)
	if o != runner.Duplicate { // no handler was asked
		p.now--
	}
	p.mu.Unlock()
	p.show(handled)
}

func (p *shownProgress) show(handled int64) {
	p.mu.Lock()
	parts := otherOutcomes(p.total)
	if p.now > 0 {
		parts = append(parts, terminal.FormatCount(p.now)+" being handled")
	}
	p.mu.Unlock()
	p.bar.Detail(strings.Join(parts, ", "))
	if handled > 0 {
		p.bar.Add(handled)
	}
}
