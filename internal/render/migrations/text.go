package migrations

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// PlanText writes what a migration will do, and what applications see of it.
func PlanText(w io.Writer, doc PlanDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	render.Labelled(b, "", style.Bold(terminal.Neutralise(title(doc.Job))), width, render.Plain)
	line := func(label, text string) {
		render.Labelled(b, fmt.Sprintf("  %-8s  ", label), text, width, render.Plain)
	}
	for _, a := range argumentChanges(doc.Job.From, doc.Job.To) {
		line("argument", a)
	}
	line("hold", fmt.Sprintf("%s led to a queue of the migration; publishers to exchanges notice nothing",
		units.FormatPlural(int64(doc.Bindings), "binding is", "bindings are")))
	line("drain", fmt.Sprintf("%s moved out of the queue, in order; consumers go on until it is empty, and what they "+
		"hold is awaited", units.FormatPlural(doc.Messages, "message is", "messages are")))
	line("switch", fmt.Sprintf("the empty queue is replaced; %s cancelled and must subscribe again",
		units.FormatPlural(doc.Consumers, "consumer is", "consumers are")))
	line("refill", "the messages come back, first those that were in the queue, then those published meanwhile")
	line("release", "the bindings lead to the queue again")
	line("by name", "whoever publishes to the name of the queue through the default exchange can lose what arrives in "+
		"the moment of the switch; the migration stops before it if such messages are seen, unless --allow-gap is given")
	if doc.Consumers > 0 && !doc.Exclusive {
		line("order", "a consumer may get messages that are still in the queue before earlier ones that were moved out of "+
			"it; with --exclusive, consumers empty the queue themselves")
	}
	if len(doc.Feeding) > 0 {
		line("awaited", fmt.Sprintf("queues that send their dead letters here by name have to be empty: %s",
			strings.Join(doc.Feeding, ", ")))
	}
	line("time", fmt.Sprintf("about %s, if publishers are slow and consumers hold nothing for long",
		render.Elapsed(doc.EstimateMS)))
	for _, text := range doc.Policies {
		line("policies", text)
	}
	line("doubled", "nothing; but if msgctl is killed or a connection is lost, up to as many messages as were in flight")
	for _, text := range doc.NotKept {
		line("not kept", text)
	}
	for _, text := range doc.Refused {
		render.Labelled(b, "  "+style.Red("refused")+"   ", text, width, render.Plain)
	}
	return b.Flush()
}

func title(j JobDocument) string {
	if j.From.Name != j.To.Name {
		return fmt.Sprintf("Rename queue %s of vhost %s to %s.", j.From.Name, j.VHost, j.To.Name)
	}
	if j.From.Type == j.To.Type {
		return fmt.Sprintf("Change the arguments of queue %s of vhost %s.", j.From.Name, j.VHost)
	}
	return fmt.Sprintf("Convert queue %s of vhost %s from %s to %s.", j.From.Name, j.VHost, j.From.Type, j.To.Type)
}

func argumentChanges(from, to QueueDocument) (list []string) {
	names := map[string]any{}
	for name := range from.Arguments {
		names[name] = nil
	}
	for name := range to.Arguments {
		names[name] = nil
	}
	for _, name := range amqptable.Table(names).Keys() {
		before, had := from.Arguments[name]
		after, has := to.Arguments[name]
		switch {
		case had && has && amqptable.Equal(before, after):
		case had && has:
			list = append(list, fmt.Sprintf("%s: %s → %s", name, amqptable.Canonical(before), amqptable.Canonical(after)))
		case has:
			list = append(list, fmt.Sprintf("%s: %s is added", name, amqptable.Canonical(after)))
		default:
			list = append(list, fmt.Sprintf("%s: %s is removed", name, amqptable.Canonical(before)))
		}
	}
	return list
}

// OutcomeText writes what a migration did.
func OutcomeText(w io.Writer, doc OutcomeDocument, width int) error {
	b := bufio.NewWriter(w)
	line := func(text string) { render.Labelled(b, "", text, width, render.Plain) }
	line(fmt.Sprintf("%s moved out of the queue, %s back into it, and %s published meanwhile.",
		units.FormatPlural(doc.Stored, "message was", "messages were"),
		units.FormatPlural(doc.Restored, "message was moved", "messages were moved"),
		units.FormatPlural(doc.Arrived, "was", "were")))
	if doc.Overtaken > 0 {
		line(fmt.Sprintf("%s published while the bindings were led back may come out after later ones.",
			units.FormatPlural(doc.Overtaken, "message", "messages")))
	}
	if doc.ByName > 0 {
		line(fmt.Sprintf("%s to the name of the queue, through the default exchange.",
			units.FormatPlural(doc.ByName, "message was published", "messages were published")))
	}
	if doc.GapMS > 0 {
		line(fmt.Sprintf("The name of the queue was missing for %.1f ms at most.", doc.GapMS))
	}
	if doc.Resent > 0 {
		line(fmt.Sprintf("A lost connection may have doubled %s at most.", units.FormatCount(doc.Resent, "message")))
	}
	if doc.Altered > 0 {
		line(fmt.Sprintf("%s their user_id, which is in the header x-msgctl-user-id now.",
			units.FormatPlural(doc.Altered, "message lost", "messages lost")))
	}
	for _, text := range doc.Notes {
		line("Note: " + text + ".")
	}
	if doc.Done {
		line(doneText(doc.Job) + " in " + render.Elapsed(doc.ElapsedMS) + ".")
	}
	return b.Flush()
}

func doneText(j JobDocument) string {
	switch {
	case j.Aborted:
		return fmt.Sprintf("Queue %s is as it was", j.From.Name)
	case j.From.Name != j.To.Name:
		return fmt.Sprintf("Queue %s is called %s", j.From.Name, j.To.Name)
	}
	return fmt.Sprintf("Queue %s is a %s queue with the new arguments", j.To.Name, j.To.Type)
}

// JobsText writes a list of jobs.
func JobsText(w io.Writer, doc JobsDocument, style terminal.Styler, width int) error {
	t := render.Table{Headers: []string{"ID", "VHOST", "QUEUE", "TO", "STAGE", "STARTED", "BY"}}
	for _, j := range doc.Jobs {
		t.Rows = append(t.Rows, []string{j.ID, j.VHost, j.From.Name, target(j), string(j.Stage), render.Timestamp(j.Started),
			j.By})
	}
	if len(t.Rows) > 0 {
		if err := t.WriteFitting(w, style, width); err != nil {
			return err
		}
	}
	for _, text := range doc.Unreadable {
		if err := render.Paragraph(w, text, width, render.Plain); err != nil {
			return err
		}
	}
	return nil
}

func target(j JobDocument) string {
	switch {
	case j.Aborted:
		return "back as it was"
	case j.From.Name != j.To.Name:
		return j.To.Name
	}
	return j.To.Type
}

// JobText writes one job.
func JobText(w io.Writer, j JobDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	render.Labelled(b, "", style.Bold(terminal.Neutralise(title(j))), width, render.Plain)
	started := render.Timestamp(j.Started) + " by " + j.By
	for _, l := range [][2]string{{"stage", string(j.Stage)}, {"goes to", target(j)}, {"started", started},
		{"backlog", j.Backlog}, {"arrivals", j.Arrivals}} {
		render.Labelled(b, fmt.Sprintf("  %-8s  ", l[0]), l[1], width, render.Plain)
	}
	return b.Flush()
}
