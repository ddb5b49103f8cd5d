package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/msgctl/msgctl/internal/terminal"
)

// Table is rows of text under headers. Cells are neutralised when written.
type Table struct {
	Headers []string
	Rows    [][]string
	// Style colours the text of a cell, after its width is known. Nil leaves it plain.
	Style func(row, column int, text string) string
}

// Write writes the table without borders, with aligned columns. Cells are wrapped where lines would
// be wider than width.
func (t Table) Write(w io.Writer, width int) error {
	// tablewriter keeps the width of every text it ever saw; this empties its cache.
	defer twwidth.SetCondition(runewidth.NewCondition())
	widths := fit(t.Widths(), width)
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
	table.Header(t.Headers)
	for i, row := range t.Rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = t.cell(i, j, cell, widths[j])
		}
		if err := table.Append(cells); err != nil {
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
	for i, line := range lines {
		lines[i] = t.style(row, column)(line)
	}
	return strings.Join(lines, "\n")
}

// Widths returns how wide each column is when nothing is wrapped.
func (t Table) Widths() []int {
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

// ColumnGap is the space between columns.
const ColumnGap = 2

// minColumn is the least width that columns are narrowed to.
const minColumn = 8

// fit narrows the widest column, again and again, until all columns and the gaps take at most
// total. A table of many columns on a very narrow terminal stays too wide: the terminal cuts it.
func fit(widths []int, total int) []int {
	sum := tableWidth(widths)
	for total > 0 && sum > total {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			break
		}
		widths[widest]--
		sum--
	}
	return widths
}

func tableWidth(columns []int) int {
	sum := ColumnGap * (len(columns) - 1)
	for _, w := range columns {
		sum += w
	}
	return sum
}
