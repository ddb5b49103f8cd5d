package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
)

// RunDocument is what a replay, move, purge, export or import did, or with DryRun would do.
type RunDocument struct {
	FormatVersion string `json:"format_version"`
	// Action is replay, move, copy, purge, export, drain, import or play (publish --archive).
	Action string `json:"action"`
	DryRun bool   `json:"dry_run,omitempty"`
	VHost  string `json:"vhost"`
	// Queue that messages were taken from; "" for an import.
	Queue string `json:"queue,omitempty"`
	Run   string `json:"run,omitempty"`
	// Done counts what is where it was to go, or destroyed as asked; in a dry run what would go.
	Done    int64            `json:"done"`
	Targets []TargetDocument `json:"targets,omitempty"`
	// Skipped messages did not match.
	Skipped int64            `json:"skipped"`
	Stayed  []StayedDocument `json:"stayed,omitempty"`
	// Resent bounds the duplicates that a lost connection may have made.
	Resent int64 `json:"resent,omitempty"`
	// Altered messages lost a user_id or CC header, which headers of msgctl's own keep.
	Altered     int64            `json:"altered,omitempty"`
	Interrupted bool             `json:"interrupted,omitempty"`
	Aborted     string           `json:"aborted,omitempty"`
	Unreachable string           `json:"unreachable,omitempty"`
	Broken      []BrokenDocument `json:"broken,omitempty"`
	// Archive or report that was written or read.
	File      string `json:"file,omitempty"`
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// TargetDocument is where messages went.
type TargetDocument struct {
	Exchange string `json:"exchange"`
	Key      string `json:"routing_key"`
	Messages int64  `json:"messages"`
	// Reaches are the queues that get a copy; Possibly those that may, which headers or plugins
	// decide.
	Reaches  []string `json:"reaches,omitempty"`
	Possibly []string `json:"possibly,omitempty"`
}

// StayedDocument is why messages stayed.
type StayedDocument struct {
	Reason   dlq.Reason `json:"reason"`
	Messages int64      `json:"messages"`
	Example  string     `json:"example,omitempty"`
}

// BrokenDocument is a place where an archive cannot be read.
type BrokenDocument struct {
	Line   int64  `json:"line"`
	Byte   int64  `json:"byte"`
	Final  bool   `json:"final,omitempty"`
	Reason string `json:"reason"`
}

// NewRunDocument makes the document of a result.
func NewRunDocument(action string, r dlq.Result, elapsed time.Duration) RunDocument {
	doc := RunDocument{
		FormatVersion: DLQFormatVersion, Action: action, Queue: r.Queue, Run: r.ID, Done: r.Done, Skipped: r.Skipped, Resent: r.Resent,
		Altered: r.Altered, Interrupted: r.Interrupted, Aborted: r.Aborted, Unreachable: r.Unreachable, ElapsedMS: elapsed.Milliseconds(),
	}
	doc.counts(r.Targets, r.Stayed)
	return doc
}

// NewDryRunDocument makes the document of what would be done.
func NewDryRunDocument(action, queue string, p dlq.Plan, elapsed time.Duration) RunDocument {
	doc := RunDocument{
		FormatVersion: DLQFormatVersion, Action: action, DryRun: true, Queue: queue, Done: p.Sends, Skipped: p.Looked - p.Matching, Altered: p.Altered,
		ElapsedMS: elapsed.Milliseconds(),
	}
	doc.counts(p.Targets, p.Stays)
	return doc
}

func (doc *RunDocument) counts(targets []dlq.TargetCount, stayed []dlq.ReasonCount) {
	for _, t := range targets {
		doc.Targets = append(doc.Targets, TargetDocument{Exchange: t.Exchange, Key: t.Key, Messages: t.Messages})
	}
	for _, s := range stayed {
		doc.Stayed = append(doc.Stayed, StayedDocument{Reason: s.Reason, Messages: s.Messages, Example: s.Example})
	}
}

// Stays is how many messages were meant and stayed.
func (doc *RunDocument) Stays() (n int64) {
	for _, s := range doc.Stayed {
		n += s.Messages
	}
	return n
}

// broken counts the places where an archive could not be read: nobody knows how many messages that
// is.
func (doc *RunDocument) broken() (n int64) {
	for _, s := range doc.Stayed {
		if s.Reason == dlq.ReasonBroken {
			n += s.Messages
		}
	}
	return n
}

// shownTargets is how many targets are named; JSON has all.
const shownTargets = 12

// RunText writes the outcome for a person: where messages went, what stayed and why, then the
// counts.
func RunText(w io.Writer, doc RunDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	doc.writeTargets(b, style, width)
	for _, s := range doc.Stayed {
		if s.Reason == dlq.ReasonBroken {
			continue // each place is named below
		}
		folded(b, style.Yellow(doc.stayVerb()+" "+terminal.FormatCount(s.Messages))+"  ", string(s.Reason)+exampleOf(s),
			width)
	}
	for i, k := range doc.Broken {
		if i == shownTargets {
			fmt.Fprintf(b, "… and %d more broken places\n", len(doc.Broken)-i)
			break
		}
		folded(b, style.Red("broken")+"  ", fmt.Sprintf("line %d (byte %d): %s", k.Line, k.Byte, k.Reason), width)
	}
	doc.writeRemarks(b, style, width)
	folded(b, "", doc.summary(), width)
	return b.Flush()
}

// RunTargets writes where messages are about to go.
func RunTargets(w io.Writer, doc RunDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	for _, t := range doc.Targets {
		folded(b, "", t.text(), width)
	}
	return b.Flush()
}

func exampleOf(s StayedDocument) string {
	if s.Example == "" {
		return ""
	}
	return ": " + s.Example
}

func (doc *RunDocument) stayVerb() string {
	switch {
	case doc.DryRun:
		return "would stay"
	case doc.Action == "import":
		return "not restored"
	case doc.Action == "play":
		return "not published"
	}
	return "stayed"
}

func (doc *RunDocument) writeTargets(b *bufio.Writer, style terminal.Styler, width int) {
	for i, t := range doc.Targets {
		if i == shownTargets {
			fmt.Fprintf(b, "… and %d more targets (-o json has all)\n", len(doc.Targets)-i)
			return
		}
		folded(b, style.Green(terminal.FormatCount(t.Messages))+"  ", t.text(), width)
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

func orEmpty(key string) string {
	if key == "" {
		return `""`
	}
	return key
}

func (doc *RunDocument) writeRemarks(b *bufio.Writer, style terminal.Styler, width int) {
	remark := func(text string) { folded(b, style.Yellow("note:")+" ", text, width) }
	if doc.Altered > 0 {
		remark(fmt.Sprintf("%s %s published without their user_id, which only its owner may use, or their CC header; "+
			"headers x-msgctl-user-id and x-msgctl-cc keep them",
			terminal.FormatPlural(doc.Altered, "message", "messages"), doc.tense("was", "would be")))
	}
	if doc.Resent > 0 {
		remark(fmt.Sprintf("a connection was lost: at most %s may exist twice at the target",
			terminal.FormatPlural(doc.Resent, "message", "messages")))
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
		"replay": {"Replayed", "Would replay"}, "move": {"Moved", "Would move"}, "copy": {"Copied",
			"Would copy"}, "purge": {"Destroyed", "Would destroy"},
		"export": {"Exported", "Would export"}, "drain": {"Archived and removed",
			"Would archive and remove"}, "import": {"Restored", "Would restore"},
		"play": {"Published", "Would publish"},
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
		out += " in " + elapsed(doc.ElapsedMS)
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
		out += " Interrupted: what was under way was settled; the same command goes on."
	}
	return out
}
