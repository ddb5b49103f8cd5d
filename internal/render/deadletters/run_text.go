package deadletters

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// maxListed is the maximum number of targets or broken places to list. JSON contains all of them.
const maxListed = 12

// RunText writes the outcome for a person: where messages went, how many stayed and why, then the
// counts.
func RunText(w io.Writer, doc RunDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	doc.writeTargets(b, style, width)
	for _, s := range doc.Stayed {
		if s.Reason == replay.ReasonBroken {
			continue // each place is named below
		}
		label := style.Yellow(doc.stayVerb()+" "+terminal.FormatCount(s.Messages)) + "  "
		render.Labelled(b, label, reasonOf(s), width, render.Plain)
	}
	for i, k := range doc.Broken {
		if i == maxListed {
			fmt.Fprintf(b, "… and %s\n", units.FormatCount(int64(len(doc.Broken)-i), "more broken place"))
			break
		}
		render.Labelled(b, style.Red("broken")+"  ", fmt.Sprintf("line %d (byte %d): %s", k.Line, k.Byte, k.Reason), width,
			render.Plain)
	}
	doc.writeRemarks(b, style, width)
	render.Labelled(b, "", doc.summary(), width, render.Plain)
	return b.Flush()
}

// RunTargets writes where messages would go.
func RunTargets(w io.Writer, doc RunDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	for _, t := range doc.Targets {
		render.Labelled(b, "", t.text(), width, render.Plain)
		t.writeDrops(b, style, width)
	}
	return b.Flush()
}

// reasonOf returns the reason and the example. It does not repeat the reason if the example begins
// with it.
func reasonOf(s StayedDocument) string {
	switch {
	case s.Example == "":
		return string(s.Reason)
	case strings.HasPrefix(s.Example, string(s.Reason)+" "):
		return s.Example
	}
	return string(s.Reason) + ": " + s.Example
}

func (doc *RunDocument) stayVerb() string {
	switch {
	case doc.DryRun:
		return "would stay"
	case doc.Action == "import":
		return "not restored"
	case doc.Action == "export":
		return "not exported"
	case doc.Action == "play":
		return "not published"
	}
	return "stayed"
}

func (doc *RunDocument) writeTargets(b *bufio.Writer, style terminal.Styler, width int) {
	for i, t := range doc.Targets {
		if i == maxListed {
			fmt.Fprintf(b, "… and %s (-o json has all)\n", units.FormatCount(int64(len(doc.Targets)-i), "more target"))
			return
		}
		render.Labelled(b, style.Green(terminal.FormatCount(t.Messages))+"  ", t.text(), width, render.Plain)
		t.writeDrops(b, style, width)
	}
}

func (t TargetDocument) text() string {
	text := "to queue " + t.Key
	if t.Exchange != "" {
		text = fmt.Sprintf("to exchange %s with key %s", t.Exchange, orEmpty(t.Key))
	}
	if t.Exchange == "" || t.Reaches == nil && t.Possibly == nil {
		return text
	}
	var parts []string
	if len(t.Reaches) > 0 {
		parts = append(parts, "copies go to "+strings.Join(t.Reaches, ", "))
	}
	if len(t.Possibly) > 0 {
		parts = append(parts, "possibly to "+strings.Join(t.Possibly, ", "))
	}
	if len(parts) == 0 {
		return text + ": no queue gets it"
	}
	return text + ": " + strings.Join(parts, ", ")
}

func (t TargetDocument) writeDrops(b *bufio.Writer, style terminal.Styler, width int) {
	if t.ComesBack {
		render.Labelled(b, style.Yellow("note:")+" ", "the queue that the messages are taken from gets copies of them",
			width, render.Plain)
	}
	for _, text := range t.Drops {
		render.Labelled(b, style.Yellow("note:")+" ", text, width, render.Plain)
	}
}

func orEmpty(key string) string {
	if key == "" {
		return `""`
	}
	return key
}

func (doc *RunDocument) writeRemarks(b *bufio.Writer, style terminal.Styler, width int) {
	remark := func(text string) { render.Labelled(b, style.Yellow("note:")+" ", text, width, render.Plain) }
	if doc.Altered > 0 {
		remark(fmt.Sprintf("%s %s published without the user_id, which only its owner may use, or the CC or BCC header; "+
			"headers x-msgctl-user-id, x-msgctl-cc and x-msgctl-bcc keep them",
			terminal.FormatPlural(doc.Altered, "message", "messages"), doc.tense("was", "would be")))
	}
	if doc.Resent > 0 {
		remark(fmt.Sprintf("a connection was lost: at most %s may exist twice at the target",
			terminal.FormatPlural(doc.Resent, "message", "messages")))
	}
	if doc.HeldByOthers > 0 {
		remark(fmt.Sprintf("%s held by another consumer when %s began, and %s not reached",
			terminal.FormatPlural(doc.HeldByOthers, "message was", "messages were"), doc.tense("the run", "the look"),
			map[bool]string{true: "was", false: "were"}[doc.HeldByOthers == 1]))
	}
	for _, s := range doc.Stayed {
		if s.Reason == replay.ReasonTooLarge {
			remark("--max-message-size SIZE reads larger messages")
		}
	}
	for _, text := range []string{doc.Unreachable, doc.Aborted, doc.Error} {
		if text != "" {
			remark(text)
		}
	}
}

func (doc *RunDocument) tense(did, would string) string {
	if doc.DryRun {
		return would
	}
	return did
}

func (doc *RunDocument) summary() string {
	n := terminal.FormatPlural(doc.Done, "message", "messages")
	text := map[string][2]string{
		"replay": {"Replayed", "Would replay"}, "move": {"Moved", "Would move"}, "copy": {"Copied", "Would copy"},
		"purge": {"Destroyed", "Would destroy"}, "export": {"Exported", "Would export"},
		"drain":  {"Archived and removed", "Would archive and remove"},
		"import": {"Restored", "Would restore"}, "play": {"Published", "Would publish"},
	}[doc.Action]
	if doc.Action == "purge" && doc.File != "" {
		text = [2]string{"Archived and destroyed", "Would archive and destroy"}
	}
	out := doc.tense(text[0], text[1]) + " " + n
	if doc.Queue != "" {
		out += " from " + doc.Queue
	}
	if doc.File != "" {
		out += map[bool]string{true: " out of ", false: " to "}[doc.Action == "import" || doc.Action == "play"] + doc.File
	}
	if !doc.DryRun {
		out += " in " + render.Elapsed(doc.ElapsedMS)
	}
	if stays := doc.Stays() - doc.broken(); stays > 0 {
		out += fmt.Sprintf("; %s %s", terminal.FormatCount(stays), doc.stayVerb())
	}
	if n := len(doc.Broken); n > 0 && doc.Broken[n-1].Final {
		out += "; nothing behind the break could be read"
	} else if n > 0 {
		out += fmt.Sprintf("; %s %s", terminal.FormatPlural(doc.broken(), "broken line", "broken lines"), doc.stayVerb())
	}
	if doc.Skipped > 0 {
		out += fmt.Sprintf("; %s did not match", terminal.FormatCount(doc.Skipped))
	}
	out += "."
	if doc.Interrupted {
		out += " Interrupted: messages in flight were settled. Run the same command again to continue."
		if doc.Reorders {
			out += " Those that were in hand may be behind the rest of the queue now."
		}
	}
	return out
}
