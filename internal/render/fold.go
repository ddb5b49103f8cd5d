package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// narrowText is the least number of columns in which text can still be read.
const narrowText = 24

// fold breaks text into lines for the columns behind an indentation. width 0 means one line. Empty
// text has no lines.
func fold(text string, width, indent int) []string {
	if text == "" {
		return nil
	}
	if width <= 0 {
		return []string{text}
	}
	return terminal.Wrap(text, max(width-indent, narrowText))
}

// folded writes text behind a mark, which may hold colour, folded and indented at width.
func folded(b *bufio.Writer, mark, text string, width int) {
	foldedStyle(b, mark, text, width, func(s string) string { return s })
}

func foldedStyle(b *bufio.Writer, mark, text string, width int, style func(string) string) {
	text = terminal.Neutralise(text)
	first := terminal.Width(stripColour(mark))
	if width <= 0 || first+terminal.Width(text) <= width {
		fmt.Fprintln(b, mark+style(text))
		return
	}
	const widestMark, leastText = 30, 30
	if first <= widestMark && width-first >= leastText {
		for i, line := range terminal.Wrap(text, width-first) {
			if i > 0 {
				mark = strings.Repeat(" ", first)
			}
			fmt.Fprintln(b, mark+style(line))
		}
		return
	}
	const indent = 4
	fmt.Fprintln(b, strings.TrimRight(mark, " "))
	for _, line := range terminal.Wrap(text, max(width-indent, 20)) {
		fmt.Fprintln(b, strings.Repeat(" ", indent)+style(line))
	}
}

// Folded writes a line for people, folded at width columns; 0 means never (a pipe).
func Folded(w io.Writer, text string, width int, style func(string) string) error {
	b := bufio.NewWriter(w)
	foldedStyle(b, "", text, width, style)
	return b.Flush()
}

// stripColour takes the escape sequences out of what we styled ourselves.
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
