package messages

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/message"
)

// Details writes everything about one message for a person: its origin, its death history, the
// error that a framework recorded, properties, headers and body. It omits the headers of the death
// history unless full is true.
func Details(w io.Writer, m MessageDocument, full bool, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	d := NewDetailsWriter(b, style, width)
	title := "Message " + render.OrDash(m.ID)
	if m.Offset != nil {
		title += fmt.Sprintf(" at offset %d", *m.Offset)
	}
	d.Title(title)
	d.origin(m)
	d.History(m)
	d.failure(m.Error)
	d.Section("Properties", m.Properties)
	headers := make(map[string]any, len(m.Headers))
	for name, v := range m.Headers {
		if full || len(m.History) == 0 || !isHistory(name) {
			headers[name] = v
		}
	}
	d.Section("Headers", headers)
	d.Body(m)
	return b.Flush()
}

func isHistory(header string) bool {
	return header == message.HeaderDeath || header == message.HeaderOriginalHeaders ||
		strings.HasPrefix(header, "x-first-death-") || strings.HasPrefix(header, "x-last-death-")
}

// DetailsWriter writes the details of one message, section by section.
type DetailsWriter struct {
	w     io.Writer
	style terminal.Styler
	width int
}

// NewDetailsWriter returns a writer to w, which should be buffered.
func NewDetailsWriter(w io.Writer, style terminal.Styler, width int) DetailsWriter {
	return DetailsWriter{w: w, style: style, width: width}
}

// Title writes the heading of the message.
func (d DetailsWriter) Title(text string) { d.heading(terminal.Neutralise(text)) }

func (d DetailsWriter) heading(text string) { fmt.Fprintln(d.w, d.style.Bold(text)) }

// Field writes a name and its value. It writes nothing if the value is empty.
func (d DetailsWriter) Field(name, value string) {
	render.Hanging(d.w, "  "+d.style.Dim(fmt.Sprintf("%-12s", name)), value, d.width, render.Plain)
}

func (d DetailsWriter) origin(m MessageDocument) {
	d.Field("reason", m.Reason)
	d.Field("died in", m.Queue)
	d.Field("exchange", render.ExchangeName(m.Exchange))
	d.Field("routing key", m.RoutingKey)
	if m.DiedAt != nil {
		d.Field("died", render.Timestamp(*m.DiedAt)+", "+render.Age(m.AgeMS)+" ago")
	}
	if m.Replays > 0 {
		d.Field("replays", fmt.Sprintf("%d by msgctl", m.Replays))
	}
}

// History writes the death history in words.
func (d DetailsWriter) History(m MessageDocument) {
	if len(m.History) == 0 {
		return
	}
	d.heading("History")
	for i, line := range m.History {
		render.Labelled(d.w, fmt.Sprintf("  %d. ", i+1), line, d.width, render.Plain)
	}
}

func (d DetailsWriter) failure(f *FailureDocument) {
	if f == nil {
		return
	}
	d.heading("Error noted by " + f.Framework)
	d.Field("type", f.Type)
	d.Field("message", f.Message)
	d.Field("queue", f.Queue)
	d.Field("task", f.Task)
	if f.StackTrace != "" {
		fmt.Fprintln(d.w, "  "+d.style.Dim("stack trace"))
		d.block(f.StackTrace)
	}
}

// Section writes named values under a heading. It writes nothing if there are none.
func (d DetailsWriter) Section(name string, values map[string]any) {
	if len(values) == 0 {
		return
	}
	d.heading(name)
	names := make([]string, 0, len(values))
	widest := 0
	for n := range values {
		names = append(names, n)
		widest = max(widest, min(terminal.Width(terminal.Neutralise(n)), 32))
	}
	slices.Sort(names)
	for _, n := range names {
		label := terminal.Neutralise(n)
		pad := strings.Repeat(" ", max(0, widest-terminal.Width(label)))
		render.Labelled(d.w, "  "+d.style.Dim(label)+pad+"  ", plainText(values[n]), d.width, render.Plain)
	}
}

func plainText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case seconds:
		return x.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.Trim(string(text), `"`)
}

// Body writes the body as text, or a hex dump of its beginning if it is binary.
func (d DetailsWriter) Body(m MessageDocument) {
	fmt.Fprintln(d.w, d.style.Bold("Body")+"  "+d.style.Dim(terminal.Neutralise(m.BodyIs)))
	if m.view.Text != "" {
		d.block(m.view.Text)
	}
	if m.view.Hidden > 0 {
		fmt.Fprintln(d.w, "  "+d.style.Dim(fmt.Sprintf("… %s more, shown by --full",
			terminal.FormatPlural(int64(m.view.Hidden), "byte", "bytes"))))
	}
}

// block writes text of several lines, indented. It does not wrap lines, so that the text can be
// copied.
func (d DetailsWriter) block(text string) {
	for line := range strings.Lines(terminal.NeutraliseBlock(text)) {
		fmt.Fprintln(d.w, "  "+strings.TrimRight(line, "\n"))
	}
}
