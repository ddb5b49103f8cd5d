package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
)

// NarrowTerminal is the width in columns below which a terminal is narrow: output is stacked
// instead of placed side by side.
const NarrowTerminal = 100

// IsNarrow reports whether width is the width of a narrow terminal. A width of 0 is not.
func IsNarrow(width int) bool { return width > 0 && width < NarrowTerminal }

// TooWide reports whether width is narrow and the table does not fit into it without wrapping.
func (t Table) TooWide(width int) bool { return IsNarrow(width) && tableWidth(t.Widths()) > width }

// WriteFitting writes the table, or a list (see WriteList) if the table is too wide for a narrow
// terminal.
func (t Table) WriteFitting(w io.Writer, style terminal.Styler, width int) error {
	if !t.TooWide(width) {
		return t.Write(w, width)
	}
	return t.WriteList(w, style, width)
}

// WriteList writes each row as a paragraph: the first column is the heading, the other columns that
// are not empty follow below it.
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

// style returns the function that colours one cell.
func (t Table) style(row, column int) func(string) string {
	if t.Style == nil {
		return Plain
	}
	return func(text string) string { return t.Style(row, column, text) }
}
