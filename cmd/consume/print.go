package consume

import (
	"bufio"
	"context"
	"sync"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
)

// printer shows messages, and has handled one when that is written.
type printer struct {
	mu    sync.Mutex
	write func(*events.TailMessage) error
	flush func() error
}

func newPrinter(d *cmdutil.Process, format string) *printer {
	if format == "ndjson" {
		w := bufio.NewWriterSize(d.Streams.Out, 64<<10)
		var line []byte
		return &printer{flush: w.Flush, write: func(s *events.TailMessage) error {
			line = append(s.Append(line[:0]), '\n')
			_, err := w.Write(line)
			return err
		}}
	}
	lines := events.NewTailLines(d.Streams.Out, d.Streams.OutStyler(d.Colour), d.Streams.OutWidth())
	return &printer{write: lines.Write, flush: lines.Flush}
}

// Handle implements handle.Handler. What cannot be written goes back to the queue.
func (p *printer) Handle(_ context.Context, j *handle.Job) handle.Result {
	s := &events.TailMessage{Item: tail.Item{Message: *j.Message, At: time.Now()}}
	if e, format, err := event.FromMessage(j.Message); err == nil {
		s.Event, s.Format = e, format
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.write(s)
	if err == nil {
		err = p.flush()
	}
	if err != nil {
		return handle.Broken(err)
	}
	return handle.Done()
}

// Name implements handle.Handler.
func (*printer) Name() string { return "print" }

// Close implements handle.Handler.
func (p *printer) Close(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flush()
}
