package consume

import (
	"bufio"
	"context"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
)

// printHandler prints messages. A message is handled once it is written.
type printHandler struct {
	mu         sync.Mutex
	write      func(*events.TailMessage) error
	flush, end func() error
}

func (c *consuming) newPrintHandler() *printHandler {
	streams := c.proc.Streams
	switch c.consumeOptions.handler.printFormat.Value {
	case "json":
		var n int64
		doc := events.NewTailDocument(streams.Out, events.Field{Name: "vhost", Value: c.vhost},
			events.Field{Name: "queue", Value: c.queue})
		return &printHandler{flush: doc.Flush,
			write: func(s *events.TailMessage) error { n++; return doc.Write(s) },
			end:   func() error { return doc.End(events.Field{Name: "shown", Value: n}) }}
	case "ndjson":
		w := bufio.NewWriterSize(streams.Out, 64<<10)
		var line []byte
		return &printHandler{flush: w.Flush, end: w.Flush, write: func(s *events.TailMessage) error {
			line = append(s.Append(line[:0]), '\n')
			_, err := w.Write(line)
			return err
		}}
	}
	lines := events.NewTailLines(streams.Out, streams.OutStyler(c.proc.Colour), streams.OutWidth())
	return &printHandler{write: lines.Write, flush: lines.Flush, end: lines.Flush}
}

// Handle implements handle.Handler. A message that cannot be written is returned to the queue.
func (p *printHandler) Handle(_ context.Context, a *handle.Attempt) handle.Result {
	s := &events.TailMessage{Item: tail.Item{Message: *a.Message, At: time.Now()}}
	if e, format, err := event.FromMessage(a.Message); err == nil {
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
func (*printHandler) Name() string { return "print" }

// Close implements handle.Handler.
func (p *printHandler) Close(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end()
}
