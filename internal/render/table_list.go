package render

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// narrow is the width below which tables become lists.
const narrow = 100

// tooNarrow says that a table would fold its cells on a narrow terminal.
func tooNarrow(t Table, width int) bool {
	if width <= 0 || width >= narrow {
		return false
	}
	sum := columnGap * (len(t.Headers) - 1)
	for _, w := range t.naturalWidths() {
		sum += w
	}
	return sum > width
}

// writeList writes a table as a list: the first column as a heading, the others below it, without
// those that are empty.
func (t Table) writeList(b *bufio.Writer, style terminal.Styler, width int) {
	label := 0
	for _, h := range t.Headers[1:] {
		label = max(label, terminal.Width(h))
	}
	for i, row := range t.Rows {
		first := row[0]
		if t.Style != nil {
			first = t.Style(i, 0, terminal.Neutralise(first))
		}
		fmt.Fprintln(b, first)
		for j, cell := range row[1:] {
			if cell == "" || cell == "-" {
				continue
			}
			mark := "  " + style.Dim(strings.ToLower(t.Headers[j+1])) +
				strings.Repeat(" ", label-terminal.Width(t.Headers[j+1])) + "  "
			foldedStyle(b, mark, cell, width, func(s string) string {
				if t.Style == nil {
					return s
				}
				return t.Style(i, j+1, s)
			})
		}
	}
}
