package deadletters

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
)

// ListText writes the queues for a person, then the queues that lose dead letters.
func ListText(w io.Writer, doc ListDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	if len(doc.Queues) == 0 {
		fmt.Fprintf(b, "No queue of %s gets dead letters, by arguments, policies, name or content.\n",
			terminal.Neutralise(doc.scope()))
	} else if err := queueTable(doc, style).WriteFitting(b, style, width); err != nil {
		return err
	}
	writeLosing(b, doc, style, width)
	for _, l := range doc.Lifted {
		render.Labelled(b, style.Yellow("LIMIT LIFTED")+"  ", l.Text, width, render.Plain)
	}
	for _, u := range doc.Unsure {
		render.Labelled(b, style.Yellow("unsure:")+" ", u, width, render.Plain)
	}
	return b.Flush()
}

func (doc ListDocument) all() bool { return doc.VHost == "" }

func (doc ListDocument) scope() string {
	if doc.all() {
		return terminal.FormatPlural(int64(len(doc.VHosts)), "vhost", "vhosts")
	}
	return fmt.Sprintf("vhost %q", doc.VHost)
}

func queueTable(doc ListDocument, style terminal.Styler) render.Table {
	growing, roles := false, false
	for _, q := range doc.Queues {
		growing, roles = growing || q.Growth != nil, roles || q.Role != discover.RoleDeadLetter
	}
	t := render.Table{Headers: []string{"QUEUE", "TYPE", "READY", "UNACKED", "OLDEST"}}
	if growing {
		t.Headers = append(t.Headers, "PER MINUTE")
	}
	if roles {
		t.Headers = append(t.Headers, "ROLE")
	}
	t.Headers = append(t.Headers, "BROWSING", "DEAD LETTERS FROM")
	if doc.all() {
		t.Headers = slices.Insert(t.Headers, 1, "VHOST")
	}
	queues := slices.Clone(doc.Queues)
	slices.SortStableFunc(queues, func(a, b QueueDocument) int { return cmp.Compare(roleOrder(a), roleOrder(b)) })
	for _, q := range queues {
		row := []string{q.Name, q.Type, known(q.Known, q.Ready), known(q.Known, q.Unacked), render.Age(q.OldestMS)}
		if growing {
			row = append(row, growth(q.Growth))
		}
		if roles {
			row = append(row, string(q.Role))
		}
		row = append(row, browsing(q.Browse.Safe), sources(q))
		if doc.all() {
			row = slices.Insert(row, 1, q.VHost)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Style = func(row, column int, text string) string {
		q := queues[row]
		switch {
		case q.Role != discover.RoleDeadLetter:
			return style.Dim(text)
		case column == 0 && q.Ready > 0:
			return style.Bold(text)
		case t.Headers[column] == "READY" && q.Ready > 0:
			return style.Yellow(text)
		}
		return text
	}
	return t
}

func roleOrder(q QueueDocument) int {
	return slices.Index([]discover.Role{discover.RoleDeadLetter, discover.RoleWork, discover.RoleWait}, q.Role)
}

func known(ok bool, n int64) string {
	if !ok {
		return "?"
	}
	return terminal.FormatCount(n)
}

// browsing says whether a queue can be browsed without changing it.
func browsing(safe string) string {
	switch safe {
	case "yes":
		return "safe"
	case "no":
		return "unsafe"
	}
	return "safe " + safe
}

func growth(g *float64) string {
	switch {
	case g == nil:
		return ""
	case *g == 0:
		return "0"
	}
	return fmt.Sprintf("%+.3g", *g)
}

// sources names each queue that dead-letters into q once, or says how q was recognised.
func sources(q QueueDocument) string {
	var names []string
	for _, s := range q.Sources {
		name := s.Queue
		if !s.Certain {
			name += " (possibly)"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const shown = 4
	if more := len(names) - shown; more > 1 {
		names = append(names[:shown], fmt.Sprintf("and %d more", more))
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, ", ")
	case q.ByContent == discover.ConventionBroker:
		return "(holds messages that died in other queues)"
	case q.ByContent != "":
		return "(holds failures as " + q.ByContent + " notes them)"
	case q.ByName != "":
		return "(named like an error queue: " + q.ByName + ")"
	}
	return ""
}

func writeLosing(b *bufio.Writer, doc ListDocument, style terminal.Styler, width int) {
	if len(doc.Losing) == 0 {
		return
	}
	fmt.Fprintln(b)
	for _, l := range doc.Losing {
		label, paint := style.Red("LOSING MESSAGES"), style.Red
		switch {
		case l.Kept:
			label, paint = style.Yellow("PILING UP"), render.Plain
		case !l.Certain:
			label, paint = style.Yellow("MAY LOSE MESSAGES"), render.Plain
		}
		text := l.Queue + ": " + l.Reason + " (" + l.From + ")"
		if doc.all() {
			text = l.Queue + " of vhost " + l.VHost + ": " + l.Reason + " (" + l.From + ")"
		}
		render.Labelled(b, label+"  ", text, width, paint)
	}
}
