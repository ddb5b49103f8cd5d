package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// TailLines writes one line a message for a person: time, type, aggregate, id, size, validity. On a
// terminal of width columns every message takes one line of it; with a width of 0 (a pipe) nothing
// is cut. It is for one goroutine.
type TailLines struct {
	w      *bufio.Writer
	style  terminal.Styler
	width  int
	widths [4]int // so far, of action, type, aggregate and id
}

// NewTailLines returns a writer to w. Nothing appears before Flush.
func NewTailLines(w io.Writer, style terminal.Styler, width int) *TailLines {
	return &TailLines{w: bufio.NewWriterSize(w, 64<<10), style: style, width: width}
}

// Flush writes what is buffered.
func (t *TailLines) Flush() error { return t.w.Flush() }

// breaks tells, in its place, that something is missing.
func (t *TailLines) breaks(s *Seen) {
	if s.Dropped > 0 {
		fmt.Fprintln(t.w, t.style.Yellow(fmt.Sprintf("… %s dropped here: the output or the network was too slow",
			terminal.FormatPlural(s.Dropped, "message", "messages"))))
	}
	if s.Gap {
		fmt.Fprintln(t.w, t.style.Yellow("… the connection was lost here: what was published meanwhile is missing"))
	}
}

// Write writes one message.
func (t *TailLines) Write(s *Seen) error { return t.write(s, len(s.Message.Body)) }

func (t *TailLines) write(s *Seen, bytes int) error {
	t.breaks(s)
	cells := [4]string{action(s), kind(s), aggregate(s), terminal.Neutralise(s.ID())}
	caps := t.room(cells[0] != "")
	line := t.style.Dim(clock(s.When(), s.At, t.width > 0))
	for i, text := range cells {
		if caps[i] == 0 {
			continue
		}
		if i == 3 && t.width > 0 { // the end of a UUIDv7 tells more than its beginning
			text = lastOf(text, caps[i])
		}
		if t.width > 0 {
			text = terminal.Truncate(text, caps[i])
		}
		t.widths[i] = max(t.widths[i], min(terminal.Width(text), caps[i]))
		line += "  " + t.cell(i, s, text) + strings.Repeat(" ", max(0, t.widths[i]-terminal.Width(text)))
	}
	line += fmt.Sprintf("  %8s", units.RoundSize(int64(bytes)))
	if text := t.verdict(s); text != "" {
		line += "  " + text
	}
	_, err := fmt.Fprintln(t.w, line)
	return err
}

func (t *TailLines) cell(i int, s *Seen, text string) string {
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

// fixed is what time and size take with the gaps before all columns.
const fixed = 12 + 2 + 8 + 4*2

// oneColumn is what a line takes beside its only column.
const oneColumn = 12 + 2 + 2 + 8 + 2 + 7

// room is how wide action, type, aggregate and id may be; 0 leaves a column out. It depends on
// nothing but the terminal, so that lines stay aligned.
func (t *TailLines) room(traced bool) (caps [4]int) {
	if traced {
		caps[0] = 24
	}
	free := t.width - fixed - 9 // "invalid"
	switch {
	case t.width <= 0:
		const most = 40 // beyond it a value pushes the rest to the right, but is not cut
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

func kind(s *Seen) string {
	prefix := s.branches
	if prefix == "" && s.Depth > 0 {
		prefix = strings.Repeat("   ", s.Depth-1) + "└─ "
	}
	if s.Type() != "" {
		return prefix + terminal.Neutralise(s.Type())
	}
	return prefix + terminal.Neutralise(orDash(s.Message.RoutingKey))
}

func aggregate(s *Seen) string {
	if s.Event == nil || s.Event.AggregateID == "" && s.Event.AggregateType == "" {
		return "-"
	}
	return terminal.Neutralise(strings.TrimSpace(s.Event.AggregateType + " " + s.Event.AggregateID))
}

func action(s *Seen) string {
	if s.Trace == nil {
		return ""
	}
	if s.Trace.Delivered {
		return terminal.Neutralise("← " + s.Trace.Queue)
	}
	name := s.Message.Exchange
	if name == "" {
		name = "(default)"
	}
	return terminal.Neutralise("→ " + name)
}

// verdict says whether the message is valid, and on wide terminals and pipes why not.
func (t *TailLines) verdict(s *Seen) string {
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

func problem(s *Seen) string {
	text := terminal.Neutralise(s.Problems[0].String())
	if n := len(s.Problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Card writes everything about one message.
func (t *TailLines) Card(s *Seen) error {
	t.breaks(s)
	c := card{b: t.w, style: t.style, width: t.width}
	title := orDash(s.Type())
	if s.Type() == "" {
		title = "Message with key " + orDash(s.Message.RoutingKey)
	}
	c.title(title + "  " + s.ID())
	c.line("seen", clock(s.At, s.At, false))
	c.eventLines(s)
	doc := eventOf(&s.Message, s.At, true)
	c.line("exchange", orDefault(doc.Exchange))
	c.line("routing key", doc.RoutingKey)
	c.line("queue", doc.Source)
	if doc.Offset != nil {
		c.line("offset", fmt.Sprint(*doc.Offset))
	}
	c.history(doc)
	c.section("Properties", doc.Properties)
	c.section("Headers", doc.Headers)
	c.bodyText(doc)
	fmt.Fprintln(t.w)
	return nil
}

func (c card) eventLines(s *Seen) {
	if tr := s.Trace; tr != nil {
		c.line("trace", action(s)+" by user "+tr.User+" over "+tr.Connection)
		c.line("routed to", strings.Join(tr.Routed, ", "))
	}
	if e := s.Event; e != nil {
		c.line("aggregate", aggregate(s))
		c.line("format", fmt.Sprintf("%s, version %d", s.Format, e.Version))
		if !e.Timestamp.IsZero() {
			c.line("happened", clock(e.Timestamp, s.At, false))
		}
	}
	c.line("correlation", s.Correlation())
	c.line("cause", s.Cause())
	switch s.Validity {
	case Valid:
		c.line("schema", "valid")
	case Invalid:
		c.line("schema", "invalid")
		for _, p := range s.Problems {
			fmt.Fprintln(c.b, "  "+c.style.Red("- "+terminal.Neutralise(p.String())))
		}
	}
	c.line("not checked", s.Note)
}
