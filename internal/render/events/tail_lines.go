package events

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// TailLines writes a line per message for a person: time, type, aggregate, id, size, validity.
// Lines are truncated to the width of the terminal, not wrapped. TailLines is not safe for
// concurrent use.
type TailLines struct {
	w      *bufio.Writer
	style  terminal.Styler
	width  int
	widths [4]int // the widest so far of action, type, aggregate and id
}

// NewTailLines returns a buffered writer to w. Call Flush to write the buffered data.
func NewTailLines(w io.Writer, style terminal.Styler, width int) *TailLines {
	return &TailLines{w: bufio.NewWriterSize(w, 64<<10), style: style, width: width}
}

// Flush writes the buffered data.
func (t *TailLines) Flush() error { return t.w.Flush() }

// gaps writes that messages are missing before this one.
func (t *TailLines) gaps(s *TailMessage) {
	if s.Dropped > 0 {
		fmt.Fprintln(t.w, t.style.Yellow(fmt.Sprintf("… %s dropped here: the output or the network was too slow",
			terminal.FormatPlural(s.Dropped, "message", "messages"))))
	}
	if s.Gap {
		fmt.Fprintln(t.w, t.style.Yellow("… the connection was lost here: what was published meanwhile is missing"))
	}
}

// Write writes one message.
func (t *TailLines) Write(s *TailMessage) error { return t.write(s, s.Message.Size()) }

func (t *TailLines) write(s *TailMessage, bytes int) error {
	t.gaps(s)
	cells := [4]string{action(s), label(s), aggregate(s), terminal.Neutralise(s.ID())}
	caps := t.columnWidths(cells[0] != "")
	line := t.style.Dim(clock(s.When(), s.At, t.width > 0))
	for i, text := range cells {
		if caps[i] == 0 {
			continue
		}
		if i == 3 && t.width > 0 { // a UUIDv7 begins with the time: its end tells more
			text = lastOf(text, caps[i])
		}
		if t.width > 0 {
			text = terminal.Truncate(text, caps[i])
		}
		t.widths[i] = max(t.widths[i], min(terminal.Width(text), caps[i]))
		line += "  " + t.cell(i, s, text) + strings.Repeat(" ", max(0, t.widths[i]-terminal.Width(text)))
	}
	line += fmt.Sprintf("  %8s", units.RoundSize(int64(bytes)))
	if text := t.validity(s); text != "" {
		line += "  " + text
	}
	_, err := fmt.Fprintln(t.w, line)
	return err
}

func (t *TailLines) cell(i int, s *TailMessage, text string) string {
	switch {
	case i == 0:
		return t.style.Dim(text)
	case i == 1 && s.Type() == "":
		return t.style.Dim(text)
	case i == 1:
		return t.style.Bold(text)
	case i == 3:
		return t.style.Cyan(text)
	}
	return text
}

// fixed is the width of the time and the size and of the gaps before all columns.
const fixed = 12 + 2 + 8 + 4*2

// oneColumn is the width of a line without its only column.
const oneColumn = 12 + 2 + 2 + 8 + 2 + 7

// columnWidths returns the maximum widths of action, type, aggregate and id. A width of 0 omits the
// column. The widths depend only on the terminal and traced, so that lines stay aligned.
func (t *TailLines) columnWidths(traced bool) (caps [4]int) {
	if traced {
		caps[0] = 24
	}
	free := t.width - fixed - 9 // "invalid"
	switch {
	case t.width <= 0:
		const most = 40 // a longer value is not cut, but pushes the rest to the right
		return [4]int{most * min(caps[0], 1), most, most, most}
	case traced && t.width >= 110:
		return [4]int{24, 20, max(12, free-24-2-20-8), 8}
	case traced && t.width >= 60:
		return [4]int{free / 2, free - free/2 - 2, 0, 0}
	case traced:
		return [4]int{max(4, t.width-oneColumn), 0, 0, 0}
	case t.width >= 120:
		return [4]int{0, 28, free - 28 - 36 + 2, 36}
	case t.width >= 76:
		kind := (free - 8) * 3 / 5
		return [4]int{0, kind, free - 8 - kind, 8}
	}
	return [4]int{0, max(4, t.width-oneColumn), 0, 0}
}

func lastOf(text string, width int) string {
	if r := []rune(text); terminal.Width(text) > width && len(r) > width {
		return "…" + string(r[len(r)-width+1:])
	}
	return text
}

func label(s *TailMessage) string {
	prefix := s.branches
	if prefix == "" && s.Depth > 0 {
		prefix = strings.Repeat("   ", s.Depth-1) + "└─ "
	}
	if s.Type() != "" {
		return prefix + terminal.Neutralise(s.Type())
	}
	return prefix + terminal.Neutralise(render.OrDash(s.Message.RoutingKey))
}

func aggregate(s *TailMessage) string {
	if s.Event == nil || s.Event.AggregateID == "" && s.Event.AggregateType == "" {
		return "-"
	}
	return terminal.Neutralise(strings.TrimSpace(s.Event.AggregateType + " " + s.Event.AggregateID))
}

func action(s *TailMessage) string {
	if s.Trace == nil {
		return ""
	}
	if s.Trace.Delivered {
		return terminal.Neutralise("← " + s.Trace.Queue)
	}
	return terminal.Neutralise("→ " + render.ExchangeName(s.Message.Exchange))
}

// validity says whether the message is valid and, if not, why.
func (t *TailLines) validity(s *TailMessage) string {
	switch s.Validity {
	case Valid:
		return t.style.Green(string(Valid))
	case Unchecked:
		return t.style.Dim("-")
	}
	text := string(Invalid)
	if len(s.Problems) > 0 && t.width <= 0 {
		text += ": " + problem(s)
	}
	line := t.style.Red(text)
	if len(s.Problems) > 0 && t.width > 0 {
		line += "\n" + t.style.Red(terminal.Truncate("  "+problem(s), t.width))
	}
	return line
}

func problem(s *TailMessage) string {
	text := terminal.Neutralise(s.Problems[0].String())
	if n := len(s.Problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// clock formats a time. For a terminal it returns the local time of day, or the date if it is not
// today. Otherwise it returns the full time in UTC.
func clock(at, now time.Time, terminal bool) string {
	switch at, now = at.Local(), now.Local(); {
	case terminal && (at.YearDay() != now.YearDay() || at.Year() != now.Year()):
		return at.Format("Jan _2 15:04")
	case terminal:
		return at.Format("15:04:05.000")
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}
