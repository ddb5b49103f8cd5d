package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// PlanText writes a plan for a person: grouped by vhost and kind, a line per object, the
// differences below it, then the problems and the counts. Lines are folded at width columns; 0
// means never (a pipe).
func PlanText(w io.Writer, doc PlanDocument, style terminal.Styler, width int) error {
	p := planPrinter{w: bufio.NewWriter(w), style: style, width: width}
	p.heading(doc)
	p.changes(doc.Changes)
	p.retries(doc.Retries)
	p.leftovers(doc)
	p.problems(doc.Problems)
	p.line(style.Bold(summaryLine(doc.Summary)))
	return p.w.Flush()
}

type planPrinter struct {
	w     *bufio.Writer
	style terminal.Styler
	width int
}

// line writes what no later write can undo: bufio keeps the first error for Flush.
func (p planPrinter) line(text string) { _, _ = p.w.WriteString(text + "\n") }

func (p planPrinter) heading(doc PlanDocument) {
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
	p.line(p.style.Bold(s) + "\n")
}

func (p planPrinter) changes(changes []ChangeDocument) {
	for _, group := range groupChanges(changes) {
		p.line(p.style.Bold(group.title()))
		width := group.labelWidth()
		for _, c := range group.changes {
			p.change(c, width)
		}
		p.line("")
	}
}

func (p planPrinter) change(c ChangeDocument, width int) {
	sign, mark := actionSign(c.Action, p.style)
	label := objectLabel(c.Ref)
	column := 4 + max(width, terminal.Width(label)) + columnGap
	details := fold(createdText(c), p.width, column)
	head := "  " + mark(sign+" "+label)
	switch {
	case len(details) == 0:
		p.line(head)
	case p.width > 0 && p.width-column < narrowText:
		p.line(head)
		p.folded(6, "", createdText(c), p.style.Dim)
	default:
		p.line(head + strings.Repeat(" ", column-4-terminal.Width(label)) + p.style.Dim(details[0]))
		for _, rest := range details[1:] {
			p.line(strings.Repeat(" ", column) + p.style.Dim(rest))
		}
	}
	if c.Action != topology.Create {
		p.differences(c.Fields)
	}
	if c.Why != "" {
		p.folded(6, p.style.Dim("why: "), terminal.Neutralise(c.Why), plain)
	}
	if c.AtStake != nil {
		p.line("      " + p.atStake(*c.AtStake))
	}
	if c.Blocked != "" {
		p.folded(6, p.style.Red("blocked: "), terminal.Neutralise(c.Blocked), plain)
	}
}

// retries says how each retry ladder is done here, and why so.
func (p planPrinter) retries(list []topology.Retry) {
	if len(list) == 0 {
		return
	}
	p.line(p.style.Bold("retries"))
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
		label := name + strings.Repeat(" ", width-terminal.Width(name)+columnGap)
		for i, line := range fold(terminal.Neutralise(how+r.Why), p.width, 4+width+columnGap) {
			if i > 0 {
				label = strings.Repeat(" ", width+columnGap)
			}
			p.line("    " + label + p.style.Dim(line))
		}
	}
	p.line("")
}

// folded writes text behind a label, folded to the width, every line indented.
func (p planPrinter) folded(indent int, label, text string, mark func(string) string) {
	for i, line := range fold(text, p.width, indent) {
		if i > 0 {
			label = ""
		}
		p.line(strings.Repeat(" ", indent) + label + mark(line))
	}
}

func plain(s string) string { return s }

func (p planPrinter) differences(fields []topology.FieldChange) {
	width := 0
	for _, f := range fields {
		width = max(width, terminal.Width(f.Field))
	}
	for _, f := range fields {
		pad := strings.Repeat(" ", width-terminal.Width(f.Field)+2)
		p.line("      " + terminal.Neutralise(f.Field) + pad + formatValue(f.Have, f.Unit) + " → " +
			formatValue(f.Want, f.Unit))
	}
}

func (p planPrinter) atStake(r topology.Risk) string {
	if !r.Known {
		return p.style.Yellow("at stake: unknown: the broker gives no counts for it")
	}
	text := "at stake: " + terminal.FormatPlural(r.Messages, "message", "messages") + ", " +
		terminal.FormatPlural(r.Consumers, "consumer", "consumers")
	if r.Messages > 0 || r.Consumers > 0 {
		return p.style.Red(text)
	}
	return p.style.Dim(text)
}

func (p planPrinter) leftovers(doc PlanDocument) {
	p.refs(doc.Undeclared, "no longer declared, but applied by this topology before; --prune deletes:")
	p.refs(doc.Unowned, "declared, but made by somebody else; --adopt takes them over, so that --prune may delete them "+
		"later:")
}

// listed bounds lists that are of less interest than the changes.
const listed = 10

func (p planPrinter) refs(refs []topology.Ref, title string) {
	if len(refs) == 0 {
		return
	}
	p.line(terminal.FormatPlural(int64(len(refs)), "object", "objects") + " " + title)
	for i, ref := range refs {
		if i == listed {
			p.line(p.style.Dim(fmt.Sprintf("  … and %s more", terminal.FormatCount(int64(len(refs)-listed)))))
			break
		}
		p.line(p.style.Dim("  " + terminal.Neutralise(ref.Full())))
	}
	p.line("")
}

func (p planPrinter) problems(list diag.Diagnostics) {
	if len(list) == 0 {
		return
	}
	_ = Diagnostics(p.w, list, p.style, p.width)
	p.line("")
}

// summaryLine says in one sentence what would happen.
func summaryLine(s PlanSummary) string {
	changes := s.Create + s.Update + s.Replace + s.Delete + s.Adopt
	if changes == 0 && s.Errors == 0 {
		return fmt.Sprintf("No changes: %s as declared.", terminal.FormatPlural(int64(s.Unchanged), "object is",
			"objects are"))
	}
	text := fmt.Sprintf("Plan: %d to create, %d to update, %d to replace, %d to delete", s.Create, s.Update, s.Replace,
		s.Delete)
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

func actionSign(a topology.Action, style terminal.Styler) (string, func(string) string) {
	switch a {
	case topology.Create:
		return "+", style.Green
	case topology.Update:
		return "~", style.Yellow
	case topology.Replace:
		return "∓", style.Red
	case topology.Delete:
		return "-", style.Red
	case topology.Adopt:
		return "=", style.Cyan
	}
	return "?", style.Dim
}
