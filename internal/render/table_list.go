package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// NarrowTerminal is the width below which output is laid out below each other instead of side by
// side.
const NarrowTerminal = 100

// IsNarrow reports whether a width is that of a narrow terminal.
func IsNarrow(width int) bool { return width > 0 && width < NarrowTerminal }

// TooWide reports whether the table would have to wrap its cells on a narrow terminal.
func (t Table) TooWide(width int) bool { return IsNarrow(width) && tableWidth(t.Widths()) > width }

// WriteFitting writes the table, or where it is too wide for a narrow terminal, a list.
func (t Table) WriteFitting(w io.Writer, style terminal.Styler, width int) error {
	if !t.TooWide(width) {
		return t.Write(w, width)
	}
	return t.WriteList(w, style, width)
}

// WriteList writes each row as a paragraph: the first column as its heading, the others below it,
// without those that are empty.
func (t Table) WriteList(w io.Writer, style terminal.Styler, width int) error {
	widest := 0
	for _, h := range t.Headers[1:] {
		widest = max(widest, terminal.Width(h))
	}
	b := bufio.NewWriter(w)
	for i, row := range t.Rows {
		fmt.Fprintln(b, t.style(i, 0)(terminal.Neutralise(row[0])))
		for j, cell := range row[1:] {
			if cell == "" || cell == "-" {
				continue
			}
			header := t.Headers[j+1]
			pad := strings.Repeat(" ", widest-terminal.Width(header))
			Labelled(b, "  "+style.Dim(strings.ToLower(header))+pad+"  ", cell, width, t.style(i, j+1))
		}
	}
	return b.Flush()
}

// style is what colours one cell.
func (t Table) style(row, column int) func(string) string {
	if t.Style == nil {
		return Plain
	}
	return func(text string) string { return t.Style(row, column, text) }
}
