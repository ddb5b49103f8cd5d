package deadletters

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// GroupList writes a paragraph per group, for a terminal.
func GroupList(w io.Writer, doc GroupsDocument, now time.Time, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	l := groupWriter{w: b, style: style, width: width, label: labelWidth(doc.GroupBy)}
	for _, g := range doc.Groups {
		l.group(doc, g, now)
	}
	writeRest(b, doc, style)
	writeGroupsTotal(b, doc, style)
	return b.Flush()
}

type groupWriter struct {
	w     io.Writer
	style terminal.Styler
	width int
	label int // columns for the names of values
}

func (l groupWriter) group(doc GroupsDocument, g GroupDocument, now time.Time) {
	head := g.count("message", "messages")
	if doc.Matched > 0 {
		head += fmt.Sprintf("  %.3g%%", 100*float64(g.Count)/float64(doc.Matched))
	}
	fmt.Fprintln(l.w, l.bar()+l.style.Bold(head)+"  "+l.style.Dim(units.RoundSize(g.Bytes)))
	for i, name := range doc.GroupBy {
		l.field(name, render.OrDash(g.ordered[i]))
	}
	if g.FirstDeath != nil {
		l.field("died", span(g, now))
	}
	if g.Example != "" {
		l.field("example", g.Example)
	}
	fmt.Fprintln(l.w)
}

// bar returns the beginning of each line of a group.
func (l groupWriter) bar() string { return l.style.Yellow("▌") + " " }

// The bounds of the width of labels.
const (
	minLabel = 12
	maxLabel = 24
)

// labelWidth returns the width of the longest name, within minLabel and maxLabel.
func labelWidth(names []string) int {
	width := minLabel
	for _, name := range names {
		width = max(width, terminal.Width(terminal.Neutralise(name)))
	}
	return min(width, maxLabel)
}

func (l groupWriter) field(name, value string) {
	label := terminal.Truncate(terminal.Neutralise(name), l.label)
	pad := strings.Repeat(" ", max(0, l.label-terminal.Width(label)))
	for i, line := range render.Wrap(terminal.Neutralise(value), l.width, l.label+4) {
		if i > 0 {
			label, pad = "", strings.Repeat(" ", l.label)
		}
		fmt.Fprintln(l.w, l.bar()+l.style.Dim(label)+pad+"  "+line)
	}
}

func (g GroupDocument) count(one, many string) string {
	text := terminal.FormatPlural(g.Count, one, many)
	if g.AtLeast {
		text = "at least " + text
	}
	return text
}

func span(g GroupDocument, now time.Time) string {
	last := render.Age(max(0, now.Sub(*g.LastDeath).Milliseconds()))
	if g.FirstDeath.Equal(*g.LastDeath) {
		return render.Timestamp(*g.FirstDeath) + ", " + last + " ago"
	}
	return fmt.Sprintf("%s to %s, the last %s ago", render.Timestamp(*g.FirstDeath), render.Timestamp(*g.LastDeath), last)
}

// GroupTable writes the groups as a table, for a pipe.
func GroupTable(w io.Writer, doc GroupsDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	t := render.Table{}
	for _, name := range doc.GroupBy {
		t.Headers = append(t.Headers, strings.ToUpper(name))
	}
	t.Headers = append(t.Headers, "COUNT", "BYTES", "FIRST DEATH", "LAST DEATH", "EXAMPLE ID")
	for _, g := range doc.Groups {
		var row []string
		for _, v := range g.ordered {
			row = append(row, render.OrDash(v))
		}
		count := terminal.FormatCount(g.Count)
		if g.AtLeast {
			count = ">=" + count
		}
		first, last := "-", "-"
		if g.FirstDeath != nil {
			first, last = render.Timestamp(*g.FirstDeath), render.Timestamp(*g.LastDeath)
		}
		t.Rows = append(t.Rows, append(row, count, fmt.Sprint(g.Bytes), first, last, render.OrDash(g.Example)))
	}
	if len(t.Rows) > 0 {
		if err := t.Write(b, width); err != nil {
			return err
		}
	}
	writeRest(b, doc, style)
	writeGroupsTotal(b, doc, style)
	return b.Flush()
}

func writeRest(b *bufio.Writer, doc GroupsDocument, style terminal.Styler) {
	if doc.Rest != nil {
		fmt.Fprintln(b, style.Dim(terminal.FormatPlural(doc.Rest.Count, "message",
			"messages")+" in groups too small to be kept apart"))
	}
}

func writeGroupsTotal(b *bufio.Writer, doc GroupsDocument, style terminal.Styler) {
	text := fmt.Sprintf("%s in %s", terminal.FormatPlural(doc.Matched, "message", "messages"),
		terminal.FormatPlural(int64(len(doc.Groups)), "group", "groups"))
	if doc.Browsed != doc.Matched {
		text += fmt.Sprintf(", of %s looked at", terminal.FormatCount(doc.Browsed))
	}
	fmt.Fprintln(b, style.Bold(text+"."))
}
