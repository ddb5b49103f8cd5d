package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/msgctl/msgctl/internal/terminal"
)

// Table is rows of text under headers. Cells are neutralised when written; Style, when set, marks a
// finished cell.
type Table struct {
	Headers []string
	Rows    [][]string
	// Style marks the text of a cell for a terminal, after its width is known. Nil marks nothing.
	Style func(row, column int, text string) string
}

// Write prints the table without borders, columns aligned and separated by two spaces. width bounds
// the lines: cells that do not fit are wrapped; 0 means no bound (a pipe).
func (t Table) Write(w io.Writer, width int) error {
	widths := fit(t.naturalWidths(), width)
	var text bytes.Buffer
	table := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off, ShowHeader: tw.Off},
				Lines:      tw.LinesNone,
			},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: "  ", Overwrite: true}),
	)
	table.Header(toAny(t.Headers)...)
	for i, row := range t.Rows {
		cells := make([]any, len(row))
		for j, cell := range row {
			cells[j] = t.cell(i, j, cell, widths[j])
		}
		if err := table.Append(cells...); err != nil {
			return fmt.Errorf("lay out table: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("lay out table: %w", err)
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}

func (t Table) cell(row, column int, text string, width int) string {
	lines := terminal.Wrap(terminal.Neutralise(text), width)
	if t.Style != nil {
		for i, line := range lines {
			lines[i] = t.Style(row, column, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (t Table) naturalWidths() []int {
	widths := make([]int, len(t.Headers))
	for i, h := range t.Headers {
		widths[i] = terminal.Width(h)
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], terminal.Width(terminal.Neutralise(cell)))
		}
	}
	return widths
}

const (
	columnGap   = 2
	narrowest   = 8
	unboundedly = 1 << 20
)

// fit narrows the widest columns, one by one, until all of them and the gaps fit into total.
// Columns never get narrower than narrowest: a table of very many columns on a very narrow terminal
// is cut by the terminal.
func fit(widths []int, total int) []int {
	if total <= 0 {
		total = unboundedly
	}
	sum := columnGap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	for sum > total {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
		sum--
	}
	return widths
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
