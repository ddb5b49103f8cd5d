package tail

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/events"
)

// tailOutput writes messages in one of the formats.
type tailOutput struct {
	show  func(*events.TailMessage) error
	flush func() error
	// end writes what remains after the last message.
	end func(*tailing, *tailSource) error
}

func (t *tailing) newOutput() *tailOutput {
	switch {
	case t.program != nil:
		return t.jqOutput()
	case t.output.Value == "none":
		return &tailOutput{
			show: func(*events.TailMessage) error { return nil }, flush: func() error { return nil }, end: func(*tailing,
				*tailSource) error {
				return nil
			},
		}
	case t.output.Value == "ndjson":
		return t.jsonLines()
	case t.output.Value == "json" && t.causation != nil:
		return t.causationDocument()
	case t.output.Value == "json":
		return t.jsonDocument()
	}
	return t.textOutput()
}

// textOutput writes lines, or messages in full. With --follow, a terminal shows events as they
// arrive and the tree at the end.
func (t *tailing) textOutput() *tailOutput {
	streams := t.proc.Streams
	style := streams.OutStyler(t.proc.Colour)
	lines := events.NewTailLines(streams.Out, style, streams.OutWidth())
	show := lines.Write
	if t.full {
		show = lines.WriteDetails
	}
	if t.causation != nil && !streams.OutTTY && !t.full {
		show = func(*events.TailMessage) error { return nil }
	}
	return &tailOutput{show: show, flush: lines.Flush, end: func(t *tailing, _ *tailSource) error {
		if t.causation == nil || t.causation.Len() == 0 {
			return lines.Flush()
		}
		if streams.OutTTY {
			fmt.Fprintln(streams.Out, "\n"+style.Bold("Events of "+cmdutil.Clean(t.follow)))
		}
		return errors.Join(lines.Flush(), t.causation.Write(streams.Out, style, streams.OutWidth()))
	}}
}

func (t *tailing) jsonLines() *tailOutput {
	w := bufio.NewWriterSize(t.proc.Streams.Out, 256<<10)
	var line []byte
	return &tailOutput{
		show: func(s *events.TailMessage) error {
			line = append(s.Append(line[:0]), '\n')
			_, err := w.Write(line)
			if cap(line) > 1<<20 {
				line = nil
			}
			return err
		},
		flush: w.Flush,
		end:   func(*tailing, *tailSource) error { return w.Flush() },
	}
}

// jsonDocument writes one document, which is never held in memory as a whole.
func (t *tailing) jsonDocument() *tailOutput {
	doc := events.NewTailDocument(t.proc.Streams.Out, events.Field{Name: "vhost", Value: t.vhost})
	return &tailOutput{
		show: doc.Write, flush: doc.Flush,
		end: func(t *tailing, src *tailSource) error {
			st := src.stats()
			return doc.End(
				events.Field{Name: "seen", Value: st.Seen}, events.Field{Name: "shown", Value: t.shown - t.lost},
				events.Field{Name: "invalid", Value: t.broken}, events.Field{Name: "dropped", Value: st.Dropped},
				events.Field{Name: "more_may_be_missing", Value: st.Overflowed}, events.Field{Name: "gaps", Value: st.Gaps})
		},
	}
}

func (t *tailing) causationDocument() *tailOutput {
	return &tailOutput{
		show: func(*events.TailMessage) error { return nil }, flush: func() error { return nil },
		end: func(t *tailing, _ *tailSource) error { return render.JSON(t.proc.Streams.Out, t.causation.Document()) },
	}
}

func (t *tailing) jqOutput() *tailOutput {
	w := bufio.NewWriterSize(t.proc.Streams.Out, 64<<10)
	var line []byte
	return &tailOutput{
		show: func(s *events.TailMessage) error {
			line = s.Append(line[:0])
			return t.program.Write(context.Background(), w, json.RawMessage(line), t.proc.Streams.OutTTY)
		},
		flush: w.Flush,
		end:   func(*tailing, *tailSource) error { return w.Flush() },
	}
}
