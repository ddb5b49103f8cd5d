package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// MinText is the least number of columns that text is wrapped at.
const MinText = 24

// Plain is the style of text without any.
func Plain(s string) string { return s }

// Wrap breaks text into lines that fit beside an indentation. A width of 0 means one line. Empty
// text has no lines.
func Wrap(text string, width, indent int) []string {
	if text == "" {
		return nil
	}
	if width <= 0 {
		return []string{text}
	}
	return terminal.Wrap(text, max(width-indent, MinText))
}

// Hanging writes text behind a label, which may hold colour. Text that is wrapped goes on below its
// beginning. The text is neutralised, the label is not.
func Hanging(w io.Writer, label, text string, width int, style func(string) string) {
	indent := terminal.Width(stripColour(label))
	for i, line := range Wrap(terminal.Neutralise(text), width, indent) {
		if i > 0 {
			label = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(w, label+style(line))
	}
}

// Labelled is Hanging, except that text begins on the next line where the label leaves too little
// room for it. Empty text leaves the label alone.
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

// Paragraph writes text wrapped at width columns.
func Paragraph(w io.Writer, text string, width int, style func(string) string) error {
	b := bufio.NewWriter(w)
	Labelled(b, "", text, width, style)
	return b.Flush()
}

// stripColour removes the escape sequences that a terminal.Styler wrote.
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
