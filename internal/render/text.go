package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// MinText is the minimum width, in columns, to which text is wrapped.
const MinText = 24

// Plain returns s unchanged. It is the style of plain text.
func Plain(s string) string { return s }

// Wrap breaks text into lines that fit into width columns with an indentation of indent columns. A
// width of 0 means one line. Wrap returns no lines for empty text.
func Wrap(text string, width, indent int) []string {
	if text == "" {
		return nil
	}
	if width <= 0 {
		return []string{text}
	}
	return terminal.Wrap(text, max(width-indent, MinText))
}

// Hanging writes text after a label, which may contain colour. Further lines of wrapped text are
// aligned with the first. Hanging neutralises the text but not the label.
func Hanging(w io.Writer, label, text string, width int, style func(string) string) {
	indent := terminal.Width(stripColour(label))
	for i, line := range Wrap(terminal.Neutralise(text), width, indent) {
		if i > 0 {
			label = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(w, label+style(line))
	}
}

// Labelled is Hanging, except that text begins on the next line if the label leaves too little
// room. If text is empty, Labelled writes only the label.
func Labelled(w io.Writer, label, text string, width int, style func(string) string) {
	const widestLabel, leastText, indent = 30, 30, "    "
	taken := terminal.Width(stripColour(label))
	switch {
	case text == "":
		fmt.Fprintln(w, label)
	case width <= 0 || taken+terminal.Width(terminal.Neutralise(text)) <= width,
		taken <= widestLabel && width-taken >= leastText:
		Hanging(w, label, text, width, style)
	default:
		if label != "" {
			fmt.Fprintln(w, strings.TrimRight(label, " "))
		}
		Hanging(w, indent, text, width, style)
	}
}

// Paragraph writes text wrapped to width columns.
func Paragraph(w io.Writer, text string, width int, style func(string) string) error {
	b := bufio.NewWriter(w)
	Labelled(b, "", text, width, style)
	return b.Flush()
}

// stripColour removes the escape sequences of a terminal.Styler.
func stripColour(s string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		_, s, _ = strings.Cut(rest, "m")
	}
}
