package messages

import (
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
)

// Table writes a line per message for a person.
func Table(w io.Writer, list []MessageDocument, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"AGE", "REASON", "DIED IN", "KEY", "ID", "BODY"}}
	failed := slices.ContainsFunc(list, func(m MessageDocument) bool { return m.Error != nil })
	if failed {
		t.Headers = append(t.Headers, "ERROR")
	}
	for _, m := range list {
		at := int64(-1)
		if m.DiedAt != nil {
			at = m.AgeMS
		}
		t.Rows = append(t.Rows, []string{
			render.Age(at), render.OrDash(m.Reason), render.OrDash(m.Queue), render.OrDash(m.RoutingKey), render.OrDash(m.ID),
		})
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
	if !t.TooWide(width) {
		return t.Write(w, width)
	}
	id := slices.Index(t.Headers, "ID") // becomes the heading of each message
	t.Headers[0], t.Headers[id] = t.Headers[id], t.Headers[0]
	for _, row := range t.Rows {
		row[0], row[id] = row[id], row[0]
	}
	return t.WriteList(w, style, width)
}

// previewRoom returns the maximum width of bodies and errors at which no line is wrapped, if that
// is wide enough to show something useful.
func previewRoom(t render.Table, width int, failed bool) int {
	const least, most = 20, 60
	if width <= 0 {
		return most
	}
	room := width
	widths := t.Widths()
	for _, w := range widths[:len(t.Rows[0])] {
		room -= w + render.ColumnGap
	}
	if failed {
		room = (room - render.ColumnGap) / 2
	}
	if room < least && render.IsNarrow(width) {
		return width - 14 // beside the labels of a list: see render.Table.TooWide
	}
	return min(max(room, least), most)
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

// preview returns the beginning of the body on one line, or a description of a body that is not
// text.
func (m *MessageDocument) preview(width int) string {
	if m.Body == nil || m.view.Problem != "" {
		return m.BodyIs
	}
	const enough = 600 // bytes, before blanks are collapsed
	text := m.view.Text
	if len(text) > enough {
		text = text[:enough]
	}
	return terminal.Truncate(terminal.Neutralise(strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")), width)
}
