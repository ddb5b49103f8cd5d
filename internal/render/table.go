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

// Table is a table of text with headers. Cells are neutralised when they are written.
type Table struct {
	Headers []string
	Rows    [][]string
	// Style adds colour to the text of a cell after its width has been computed. If nil, cells are
	// plain.
	Style func(row, column int, text string) string
}

// Write writes the table without borders, with aligned columns. It wraps cells if lines would be
// wider than width columns. A width of 0 means no limit.
func (t Table) Write(w io.Writer, width int) error {
	// tablewriter caches the width of every text that it measures. This empties the cache.
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

// Widths returns the width of each column if no cell is wrapped.
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

// ColumnGap is the number of blank columns between two columns of a table.
const ColumnGap = 2

// minColumn is the minimum width of a narrowed column.
const minColumn = 8

// fit repeatedly narrows the widest column until all columns and gaps take at most total. No column
// becomes narrower than minColumn, so a table of many columns can remain too wide for a very narrow
// terminal.
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
