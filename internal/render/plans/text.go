package plans

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Text writes a plan for a person. It writes the changes, grouped by vhost and kind, with a line
// per object and its differences below, then the problems and the counts.
func Text(w io.Writer, doc PlanDocument, style terminal.Styler, width int) error {
	t := textWriter{w: bufio.NewWriter(w), style: style, width: width}
	t.heading(doc)
	t.changes(doc.Changes)
	t.retries(doc.Retries)
	t.spread(doc.Spread)
	t.undeclared(doc)
	t.refs(doc.Foreign, "not created by this topology, as far as the records say, but changed or deleted:")
	t.refs(doc.Unowned, "declared, but created by somebody else; --adopt takes ownership, so that a later --prune may "+
		"delete:")
	if len(doc.Problems) > 0 {
		_ = render.Diagnostics(t.w, doc.Problems, style, width) // Flush returns its error
		t.line("")
	}
	render.Labelled(t.w, "", doc.summaryLine(), width, style.Bold)
	return t.w.Flush()
}

type textWriter struct {
	w     *bufio.Writer
	style terminal.Styler
	width int
}

// line writes a line. Flush returns the first error.
func (t textWriter) line(text string) { _, _ = t.w.WriteString(text + "\n") }

func (t textWriter) heading(doc PlanDocument) {
	if len(doc.Changes) == 0 {
		return
	}
	s := "Plan"
	if doc.Topology != "" {
		s += fmt.Sprintf(" for topology %q", terminal.Neutralise(doc.Topology))
	}
	if doc.Broker.Version != "" {
		s += " on RabbitMQ " + terminal.Neutralise(doc.Broker.Version)
	}
	if doc.Broker.Cluster != "" {
		s += " (" + terminal.Neutralise(doc.Broker.Cluster) + ")"
	}
	t.line(t.style.Bold(s) + "\n")
}

func (t textWriter) changes(changes []ChangeDocument) {
	for _, group := range groupChanges(changes) {
		t.line(t.style.Bold(group.title()))
		width := group.labelWidth()
		for _, c := range group.changes {
			t.change(c, width)
		}
		t.line("")
	}
}

// below is the indentation of lines that belong to the object above.
const below = "      "

func (t textWriter) change(c ChangeDocument, width int) {
	sign, colour := actionSign(c.Action, t.style)
	label := objectLabel(c.Ref)
	head, text := "  "+colour(sign+" "+label), details(c)
	column := len("  + ") + max(width, terminal.Width(label)) + render.ColumnGap
	switch {
	case t.width > 0 && len("  + ")+terminal.Width(label) > t.width:
		render.Hanging(t.w, "  "+colour(sign)+" ", label, t.width, colour)
		render.Hanging(t.w, below, text, t.width, t.style.Dim)
	case text == "":
		t.line(head)
	case t.width > 0 && t.width-column < render.MinText:
		t.line(head)
		render.Hanging(t.w, below, text, t.width, t.style.Dim)
	default:
		pad := strings.Repeat(" ", max(width-terminal.Width(label), 0)+render.ColumnGap)
		render.Hanging(t.w, head+pad, text, t.width, t.style.Dim)
	}
	if c.Action != plan.Create {
		t.differences(c.Fields)
	}
	render.Hanging(t.w, below+t.style.Dim("why: "), c.Why, t.width, render.Plain)
	if c.AtStake != nil {
		text, colour := atStake(*c.AtStake, t.style)
		render.Hanging(t.w, below, text, t.width, colour)
	}
	render.Hanging(t.w, below+t.style.Red("blocked: "), c.Blocked, t.width, render.Plain)
}

// retries writes how this broker implements each delayed retry, and why.
func (t textWriter) retries(list []plan.Retry) {
	if len(list) == 0 {
		return
	}
	t.line(t.style.Bold("retries"))
	width := 0
	for _, r := range list {
		width = max(width, terminal.Width(terminal.Neutralise(r.Queue.Name)))
	}
	for _, r := range list {
		how := "by wait queues: "
		if r.Native {
			how = "by the broker, without wait queues: "
		}
		name := terminal.Neutralise(r.Queue.Name)
		pad := strings.Repeat(" ", width-terminal.Width(name)+render.ColumnGap)
		render.Labelled(t.w, "    "+name+pad, how+r.Why, t.width, t.style.Dim)
	}
	t.line("")
}

// spread writes that the leaders of new queues are spread over several nodes.
func (t textWriter) spread(s *plan.Spread) {
	if s == nil {
		return
	}
	say := func(text string) { render.Hanging(t.w, t.style.Bold("leaders")+"  ", text, t.width, render.Plain) }
	if s.Queues > 0 {
		say(fmt.Sprintf("%d new quorum queues and streams are declared on the %d nodes of the cluster in turn, so that "+
			"their leaders do not all begin on one", s.Queues, s.Nodes))
	}
	if s.Classic > 0 {
		say(fmt.Sprintf("%d new classic queues all begin on one of the %d nodes, that of the connection, unless the broker "+
			"is configured otherwise; leaderLocator: balanced in a queue (before 4.0, masterLocator: min-masters) spreads them",
			s.Classic, s.Nodes))
	}
	t.line("")
}

func (t textWriter) differences(fields []plan.FieldChange) {
	width := 0
	for _, f := range fields {
		width = max(width, terminal.Width(f.Field))
	}
	for _, f := range fields {
		pad := strings.Repeat(" ", width-terminal.Width(f.Field)+render.ColumnGap)
		render.Hanging(t.w, below+terminal.Neutralise(f.Field)+pad, formatValue(f.Have, f.Unit)+" → "+
			formatValue(f.Want, f.Unit), t.width, render.Plain)
	}
}

func atStake(r plan.Risk, style terminal.Styler) (text string, colour func(string) string) {
	if !r.Known {
		return "at stake: unknown, because the broker does not report its messages and consumers", style.Yellow
	}
	text = "at stake: " + terminal.FormatPlural(r.Messages, "message", "messages") + ", " +
		terminal.FormatPlural(r.Consumers, "consumer", "consumers")
	if r.Messages > 0 || r.Consumers > 0 {
		return text, style.Red
	}
	return text, style.Dim
}

// maxListed is the maximum number of objects to name in lists that matter less than the changes.
const maxListed = 10

func (t textWriter) refs(refs []topology.Ref, title string) {
	if len(refs) == 0 {
		return
	}
	render.Hanging(t.w, "", terminal.FormatPlural(int64(len(refs)), "object", "objects")+" "+title, t.width, render.Plain)
	for i, ref := range refs {
		if i == maxListed {
			t.line(t.style.Dim(fmt.Sprintf("  … and %s more", terminal.FormatCount(int64(len(refs)-maxListed)))))
			break
		}
		t.line(t.style.Dim("  " + terminal.Neutralise(ref.Full())))
	}
	t.line("")
}

// summaryLine returns the counts of a plan in one sentence.
func (doc PlanDocument) summaryLine() string {
	s := doc.Summary
	if doc.Destroys && s.Delete == 0 && s.Errors == 0 {
		if s.Warnings > 0 {
			return "Nothing to delete, but see above."
		}
		return "Nothing to delete: the broker has nothing of what the files declare."
	}
	if s.Create+s.Update+s.Replace+s.Delete+s.Adopt == 0 && s.Errors == 0 {
		return fmt.Sprintf("No changes: %s as declared.",
			terminal.FormatPlural(int64(s.Unchanged), "object is", "objects are"))
	}
	text := fmt.Sprintf("Plan: %d to create, %d to update, %d to replace, %d to delete",
		s.Create, s.Update, s.Replace, s.Delete)
	if s.Adopt > 0 {
		text += fmt.Sprintf(", %d to adopt", s.Adopt)
	}
	text += fmt.Sprintf("; %d unchanged", s.Unchanged)
	if s.Blocked > 0 {
		text += fmt.Sprintf("; %d blocked", s.Blocked)
	}
	if s.Errors > 0 {
		text += fmt.Sprintf("; %s: nothing would be applied", terminal.FormatPlural(int64(s.Errors), "error", "errors"))
	}
	return text + "."
}

func actionSign(a plan.Action, style terminal.Styler) (string, func(string) string) {
	switch a {
	case plan.Create:
		return "+", style.Green
	case plan.Update:
		return "~", style.Yellow
	case plan.Replace:
		return "∓", style.Red
	case plan.Delete:
		return "-", style.Red
	case plan.Adopt:
		return "=", style.Cyan
	}
	return "?", style.Dim
}
