package events

import (
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
)

// Changes writes the changes between two catalogues as a table.
func Changes(w io.Writer, changes []event.Change, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"EVENT", "WHERE", "CHANGE", "BREAKS", "WHY"}}
	for _, c := range changes {
		t.Rows = append(t.Rows, []string{c.Type, c.Path, c.What, breaks(c), c.Why})
	}
	t.Style = func(row, column int, text string) string {
		switch {
		case column == 3 && changes[row].Breaks != "":
			return style.Red(text)
		case column == 3:
			return style.Green(text)
		case column == 4:
			return style.Dim(text)
		}
		return text
	}
	return t.Write(w, width)
}

func breaks(c event.Change) string {
	if c.Breaks == "" {
		return "nobody"
	}
	return c.Breaks
}

// ChangesMarkdown writes the changes between two catalogues as a comment for a pull request.
func ChangesMarkdown(w io.Writer, changes []event.Change) error {
	var b strings.Builder
	b.WriteString("### Changes of events\n\n")
	if len(changes) == 0 {
		b.WriteString("None.\n")
	} else {
		b.WriteString("| event | where | change | breaks | why |\n|---|---|---|---|---|\n")
	}
	for _, c := range changes {
		whom := breaks(c)
		if c.Breaks != "" {
			whom = "**" + whom + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cellText(c.Type), cellText(c.Path), cellText(c.What), whom,
			cellText(c.Why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cellText makes text safe to put in a cell of a Markdown table.
func cellText(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "`", "'").Replace(terminal.Neutralise(s))
}
