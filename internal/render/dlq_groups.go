package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq"
)

// GroupsDocument is what dlq inspect --group-by counted.
type GroupsDocument struct {
	FormatVersion string   `json:"format_version"`
	VHost         string   `json:"vhost"`
	Queue         string   `json:"queue"`
	Type          string   `json:"type"`
	GroupBy       []string `json:"group_by"`
	// Looked is how many messages were looked at, Matched how many of them are in groups.
	Looked  int64           `json:"looked_at"`
	Matched int64           `json:"matched"`
	Groups  []GroupDocument `json:"groups"`
	// Rest sums up what is in no group, when there were too many.
	Rest *GroupDocument `json:"rest,omitempty"`
}

// GroupDocument is one group.
type GroupDocument struct {
	Values     map[string]string `json:"values,omitempty"`
	Count      int64             `json:"count"`
	AtLeast    bool              `json:"at_least,omitempty"`
	Bytes      int64             `json:"bytes"`
	FirstDeath *time.Time        `json:"first_death,omitempty"`
	LastDeath  *time.Time        `json:"last_death,omitempty"`
	Example    string            `json:"example_id,omitempty"`

	ordered []string
}

// NewGroupsDocument makes the document of what was counted.
func NewGroupsDocument(g dlq.Groups) GroupsDocument {
	doc := GroupsDocument{FormatVersion: DLQFormatVersion, GroupBy: g.Names, Matched: g.Messages,
		Groups: make([]GroupDocument, 0, len(g.List))}
	for _, one := range g.List {
		doc.Groups = append(doc.Groups, newGroup(g.Names, one))
	}
	if g.Rest.Count > 0 {
		rest := newGroup(nil, g.Rest)
		doc.Rest = &rest
	}
	return doc
}

func newGroup(names []string, g dlq.Group) GroupDocument {
	doc := GroupDocument{Count: g.Count, AtLeast: g.AtLeast, Bytes: g.Bytes, Example: g.Example, ordered: g.Values}
	for i, name := range names {
		if doc.Values == nil {
			doc.Values = map[string]string{}
		}
		doc.Values[name] = g.Values[i]
	}
	doc.FirstDeath, doc.LastDeath = when(g.FirstDeath), when(g.LastDeath)
	return doc
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// GroupCards writes one card per group for a terminal.
func GroupCards(w io.Writer, doc GroupsDocument, now time.Time, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	c := card{b: b, style: style, width: width, label: labelWidth(doc.GroupBy)}
	for _, g := range doc.Groups {
		c.group(doc, g, now)
	}
	writeRest(b, doc, style)
	writeGroupsTotal(b, doc, style)
	return b.Flush()
}

func (c card) group(doc GroupsDocument, g GroupDocument, now time.Time) {
	head := g.count("message", "messages")
	if doc.Matched > 0 {
		head += fmt.Sprintf("  %.3g%%", 100*float64(g.Count)/float64(doc.Matched))
	}
	fmt.Fprintln(c.b, c.style.Yellow("▌")+" "+c.style.Bold(head)+"  "+c.style.Dim(units.RoundSize(g.Bytes)))
	for i, name := range doc.GroupBy {
		c.field(name, orDash(g.ordered[i]))
	}
	if g.FirstDeath != nil {
		c.field("died", span(g, now))
	}
	if g.Example != "" {
		c.field("example", g.Example)
	}
	fmt.Fprintln(c.b)
}

// The labels of cards.
const (
	labelLeast = 12
	labelMost  = 24
)

// labelWidth is the room that the longest of the names needs, within bounds.
func labelWidth(names []string) int {
	width := labelLeast
	for _, name := range names {
		width = max(width, terminal.Width(terminal.Neutralise(name)))
	}
	return min(width, labelMost)
}

func (c card) field(name, value string) {
	width := max(c.label, labelLeast)
	label := terminal.Truncate(terminal.Neutralise(name), width)
	pad := strings.Repeat(" ", max(0, width-terminal.Width(label)))
	room := 0
	if c.width > 0 {
		room = max(c.width-width-4, 20)
	}
	for i, line := range terminal.Wrap(terminal.Neutralise(value), room) {
		if i > 0 {
			label, pad = "", strings.Repeat(" ", width)
		}
		fmt.Fprintln(c.b, c.style.Yellow("▌")+" "+c.style.Dim(label)+pad+"  "+line)
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
	last := age(max(0, now.Sub(*g.LastDeath).Milliseconds()))
	if g.FirstDeath.Equal(*g.LastDeath) {
		return stamp(*g.FirstDeath) + ", " + last + " ago"
	}
	return fmt.Sprintf("%s to %s, the last %s ago", stamp(*g.FirstDeath), stamp(*g.LastDeath), last)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// GroupTable writes the groups as a table, for a pipe.
func GroupTable(w io.Writer, doc GroupsDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	t := Table{}
	for _, name := range doc.GroupBy {
		t.Headers = append(t.Headers, strings.ToUpper(name))
	}
	t.Headers = append(t.Headers, "COUNT", "BYTES", "FIRST DEATH", "LAST DEATH", "EXAMPLE ID")
	for _, g := range doc.Groups {
		var row []string
		for _, v := range g.ordered {
			row = append(row, orDash(v))
		}
		count := terminal.FormatCount(g.Count)
		if g.AtLeast {
			count = ">=" + count
		}
		first, last := "-", "-"
		if g.FirstDeath != nil {
			first, last = stamp(*g.FirstDeath), stamp(*g.LastDeath)
		}
		t.Rows = append(t.Rows, append(row, count, fmt.Sprint(g.Bytes), first, last, orDash(g.Example)))
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
	if doc.Looked != doc.Matched {
		text += fmt.Sprintf(", of %s looked at", terminal.FormatCount(doc.Looked))
	}
	fmt.Fprintln(b, style.Bold(text+"."))
}
