package render

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/message"
)

// MessageTable writes one line a message for a person, folded at width columns; 0 means never (a
// pipe).
func MessageTable(w io.Writer, list []MessageDocument, style terminal.Styler, width int) error {
	t := Table{Headers: []string{"AGE", "REASON", "DIED IN", "KEY", "ID", "BODY"}}
	failed := slices.ContainsFunc(list, func(m MessageDocument) bool { return m.Error != nil })
	if failed {
		t.Headers = append(t.Headers, "ERROR")
	}
	for _, m := range list {
		at := int64(-1)
		if m.DiedAt != nil {
			at = m.AgeMS
		}
		t.Rows = append(t.Rows, []string{age(at), orDash(m.Reason), orDash(m.Queue), orDash(m.RoutingKey), orDash(m.ID)})
	}
	room := previewRoom(t, width, failed)
	for i, m := range list {
		t.Rows[i] = append(t.Rows[i], m.preview(room))
		if failed {
			t.Rows[i] = append(t.Rows[i], terminal.Truncate(terminal.Neutralise(m.Error.summary()), room))
		}
	}
	t.Style = func(_, column int, text string) string {
		switch t.Headers[column] {
		case "REASON":
			return style.Yellow(text)
		case "ID":
			return style.Cyan(text)
		case "BODY":
			return style.Dim(text)
		}
		return text
	}
	if !tooNarrow(t, width) {
		// tablewriter remembers the width of every text for ever: of a million messages that is too
		// much. This forgets.
		defer twwidth.SetCondition(runewidth.NewCondition())
		return t.Write(w, width)
	}
	id := slices.Index(t.Headers, "ID")
	t.Headers[0], t.Headers[id] = t.Headers[id], t.Headers[0]
	for _, row := range t.Rows {
		row[0], row[id] = row[id], row[0]
	}
	b := bufio.NewWriter(w)
	t.writeList(b, style, width)
	return b.Flush()
}

// previewRoom is how wide bodies and errors may be so that lines need not be folded, where that
// leaves enough of them.
func previewRoom(t Table, width int, failed bool) int {
	const least, most = 20, 60
	if width <= 0 {
		return most
	}
	room := width
	widths := t.naturalWidths()
	for _, w := range widths[:len(t.Rows[0])] {
		room -= w + columnGap
	}
	if failed {
		room = (room - columnGap) / 2
	}
	if room < least && width < narrow {
		return width - 14 // a list it will be: see tooNarrow
	}
	return min(max(room, least), most)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (f *FailureDocument) summary() string {
	if f == nil {
		return ""
	}
	first, _, _ := strings.Cut(f.Message, "\n")
	switch {
	case f.Type != "" && first != "":
		return f.Type + ": " + first
	case f.Type != "":
		return f.Type
	case first != "":
		return first
	}
	return f.Framework
}

// preview is the beginning of the body on one line, and what it is when that says nothing.
func (m *MessageDocument) preview(width int) string {
	if m.Body == nil || m.view.Problem != "" {
		return m.BodyIs
	}
	const enough = 600 // bytes, before blanks are folded
	text := m.view.Text
	if len(text) > enough {
		text = text[:enough]
	}
	return terminal.Truncate(terminal.Neutralise(strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")), width)
}

// MessageCard writes everything about one message for a person: where it came from, its history in
// words, the error a framework noted, properties, headers and body.
//
// Headers of the death history, which is told in words, are left out unless full.
func MessageCard(w io.Writer, m MessageDocument, full bool, style terminal.Styler, width int) error {
	c := card{b: bufio.NewWriter(w), style: style, width: width}
	title := "Message " + orDash(m.ID)
	if m.Offset != nil {
		title += fmt.Sprintf(" at offset %d", *m.Offset)
	}
	c.title(title)
	c.origin(m)
	c.history(m)
	c.failure(m.Error)
	c.section("Properties", m.Properties)
	headers := make(map[string]any, len(m.Headers))
	for name, v := range m.Headers {
		if full || len(m.History) == 0 || !isHistory(name) {
			headers[name] = v
		}
	}
	c.section("Headers", headers)
	c.bodyText(m)
	return c.b.Flush()
}

func isHistory(header string) bool {
	return header == message.HeaderDeath || header == message.HeaderOriginalHeaders ||
		strings.HasPrefix(header, "x-first-death-") || strings.HasPrefix(header, "x-last-death-")
}

type card struct {
	b     *bufio.Writer
	style terminal.Styler
	width int
	label int // the room of labels in cards of groups
}

func (c card) title(text string) {
	fmt.Fprintln(c.b, c.style.Bold(terminal.Neutralise(text)))
}

func (c card) line(name, value string) {
	if value == "" {
		return
	}
	const column = 14
	value = terminal.Neutralise(value)
	room := 0
	if c.width > 0 {
		room = max(c.width-column, 20)
	}
	for i, line := range terminal.Wrap(value, room) {
		label := ""
		if i == 0 {
			label = name
		}
		fmt.Fprintf(c.b, "  %s%s\n", c.style.Dim(fmt.Sprintf("%-12s", label)), line)
	}
}

func (c card) origin(m MessageDocument) {
	c.line("reason", m.Reason)
	c.line("died in", m.Queue)
	exchange := m.Exchange
	if exchange == "" {
		exchange = "(default)"
	}
	c.line("exchange", exchange)
	c.line("routing key", m.RoutingKey)
	if m.DiedAt != nil {
		c.line("died", m.DiedAt.Format("2006-01-02 15:04:05Z")+", "+age(m.AgeMS)+" ago")
	}
	if m.Replays > 0 {
		c.line("replays", fmt.Sprintf("%d by msgctl", m.Replays))
	}
}

func (c card) history(m MessageDocument) {
	if len(m.History) == 0 {
		return
	}
	fmt.Fprintln(c.b, c.style.Bold("History"))
	for i, line := range m.History {
		folded(c.b, fmt.Sprintf("  %d. ", i+1), line, c.width)
	}
}

func (c card) failure(f *FailureDocument) {
	if f == nil {
		return
	}
	fmt.Fprintln(c.b, c.style.Bold("Error noted by "+f.Framework))
	c.line("type", f.Type)
	c.line("message", f.Message)
	c.line("queue", f.Queue)
	c.line("task", f.Task)
	if f.StackTrace != "" {
		fmt.Fprintln(c.b, "  "+c.style.Dim("stack trace"))
		c.block(f.StackTrace)
	}
}

func (c card) section(name string, values map[string]any) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintln(c.b, c.style.Bold(name))
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
		folded(c.b, "  "+c.style.Dim(label)+pad+"  ", plainText(values[n]), c.width)
	}
}

func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.Trim(string(text), `"`)
}

func (c card) bodyText(m MessageDocument) {
	fmt.Fprintln(c.b, c.style.Bold("Body")+"  "+c.style.Dim(terminal.Neutralise(m.BodyIs)))
	if m.view.Text != "" {
		c.block(m.view.Text)
	}
	if m.view.Hidden > 0 {
		fmt.Fprintln(c.b, "  "+c.style.Dim(fmt.Sprintf("… %s more, shown by --full",
			terminal.FormatPlural(int64(m.view.Hidden), "byte", "bytes"))))
	}
}

// block writes text of several lines, indented, not folded: bodies are copied from here.
func (c card) block(text string) {
	for line := range strings.Lines(terminal.NeutraliseBlock(text)) {
		fmt.Fprintln(c.b, "  "+strings.TrimRight(line, "\n"))
	}
}
