package render

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
)

// DLQFormatVersion is the version of all documents about dead letters; see PlanFormatVersion.
const DLQFormatVersion = "1"

// DLQListDocument is what dlq ls found.
type DLQListDocument struct {
	FormatVersion string `json:"format_version"`
	// VHost is the one that was listed, VHosts all of them with --all-vhosts.
	VHost  string           `json:"vhost,omitempty"`
	VHosts []string         `json:"vhosts,omitempty"`
	At     time.Time        `json:"at"`
	Queues []DLQDocument    `json:"queues"`
	Losing []LosingDocument `json:"losing"`
	// Unsure are sentences about what could not be judged.
	Unsure []string `json:"unsure,omitempty"`
}

// DLQDocument is one queue that dead letters reach.
type DLQDocument struct {
	Name  string   `json:"name"`
	VHost string   `json:"vhost"`
	Type  string   `json:"type"`
	Role  dlq.Role `json:"role"`
	Known bool     `json:"counts_known"`
	Ready int64    `json:"ready"`
	// Unacked messages are held by a consumer.
	Unacked   int64 `json:"unacked"`
	Consumers int64 `json:"consumers"`
	// OldestMS is the age of the message at the head, -1 when nothing tells.
	OldestMS int64 `json:"oldest_ms"`
	// OldestUnknown says why nothing tells.
	OldestUnknown string `json:"oldest_unknown,omitempty"`
	// Growth is since the look before, per minute; absent at the first look.
	Growth *float64 `json:"growth_per_minute,omitempty"`
	// ByName says whose error queue the name stands for, ByContent whose convention the first
	// message follows.
	ByName    string           `json:"by_name,omitempty"`
	ByContent string           `json:"by_content,omitempty"`
	Sources   []SourceDocument `json:"sources"`
	Looking   LookingDocument  `json:"looking"`
}

// SourceDocument is one reason why dead letters reach a queue.
type SourceDocument struct {
	Queue    string   `json:"queue"`
	Exchange string   `json:"exchange"`
	Key      string   `json:"routing_key"`
	Original bool     `json:"original_key,omitempty"`
	Via      []string `json:"via,omitempty"`
	From     string   `json:"set_by"`
	Certain  bool     `json:"certain"`
	Why      string   `json:"why,omitempty"`
}

// LookingDocument says whether looking into a queue is safe.
type LookingDocument struct {
	// Safe is "yes", "with --guard", "with --force" or "no".
	Safe  string   `json:"safe"`
	Why   string   `json:"why,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// LosingDocument is a queue whose dead letters reach nothing.
type LosingDocument struct {
	VHost    string `json:"vhost"`
	Queue    string `json:"queue"`
	Exchange string `json:"exchange"`
	Key      string `json:"routing_key"`
	From     string `json:"set_by"`
	All      bool   `json:"all"`
	Certain  bool   `json:"certain"`
	Kept     bool   `json:"kept"`
	Reason   string `json:"reason"`
}

// NewDLQDocument makes the document of one queue; who looks at it adds counts and age.
func NewDLQDocument(q dlq.Queue) DLQDocument {
	doc := DLQDocument{
		Name: q.Name, VHost: q.VHost, Type: q.Type, Role: q.Role, ByName: q.ByName, ByContent: q.ByContent, OldestMS: -1, Sources: make([]SourceDocument, 0, len(q.Sources)),
	}
	for _, s := range q.Sources {
		doc.Sources = append(doc.Sources, SourceDocument{
			Queue: s.Queue, Exchange: s.Exchange, Key: s.Key, Original: s.Original, Via: s.Via, From: s.From,
			Certain: s.Certainty == dlq.Surely, Why: s.Why,
		})
	}
	return doc
}

// NewLookingDocument makes the document of a judgement.
func NewLookingDocument(l dlq.Looking) LookingDocument {
	doc := LookingDocument{Safe: "yes", Why: l.Refused}
	switch {
	case l.Refused != "" && l.Allow == dlq.PermitNone:
		doc.Safe = "no"
	case l.Refused != "":
		doc.Safe = "with " + string(l.Allow)
	}
	for _, n := range l.Notes {
		doc.Notes = append(doc.Notes, n.Text)
	}
	return doc
}

// NewLosingDocument makes the document of a queue that loses dead letters.
func NewLosingDocument(l dlq.Losing) LosingDocument {
	return LosingDocument{
		VHost: l.VHost, Queue: l.Queue, Exchange: l.Exchange, Key: l.Key, From: l.From, All: l.All, Certain: l.Certainty == dlq.Surely,
		Kept: l.Kept, Reason: l.Reason,
	}
}

// DLQList writes the queues and what is lost for a person. Lines are folded at width columns; 0
// means never (a pipe).
func DLQList(w io.Writer, doc DLQListDocument, style terminal.Styler, width int) error {
	b := bufio.NewWriter(w)
	if len(doc.Queues) == 0 {
		fmt.Fprintf(b, "No queue of %s gets dead letters, by arguments, policies, name or content.\n",
			terminal.Neutralise(doc.scope()))
	} else if t := dlqTable(doc, style); tooNarrow(t, width) {
		t.writeList(b, style, width)
	} else if err := t.Write(b, width); err != nil {
		return err
	}
	writeLosing(b, doc, style, width)
	for _, u := range doc.Unsure {
		folded(b, style.Yellow("unsure:")+" ", u, width)
	}
	return b.Flush()
}

// LosingNow counts the queues that surely lose their dead letters.
func (doc DLQListDocument) LosingNow() (n int) {
	for _, l := range doc.Losing {
		if l.Certain && !l.Kept {
			n++
		}
	}
	return n
}

func (doc DLQListDocument) all() bool { return doc.VHost == "" }

func (doc DLQListDocument) scope() string {
	if doc.all() {
		return terminal.FormatPlural(int64(len(doc.VHosts)), "vhost", "vhosts")
	}
	return fmt.Sprintf("vhost %q", doc.VHost)
}

func dlqTable(doc DLQListDocument, style terminal.Styler) Table {
	growing, roles := false, false
	for _, q := range doc.Queues {
		growing, roles = growing || q.Growth != nil, roles || q.Role != dlq.RoleDeadLetter
	}
	t := Table{Headers: []string{"QUEUE", "TYPE", "READY", "UNACKED", "OLDEST"}}
	if growing {
		t.Headers = append(t.Headers, "PER MINUTE")
	}
	if roles {
		t.Headers = append(t.Headers, "ROLE")
	}
	t.Headers = append(t.Headers, "LOOKING IS SAFE", "DEAD LETTERS FROM")
	if doc.all() {
		t.Headers = slices.Insert(t.Headers, 1, "VHOST")
	}
	queues := slices.Clone(doc.Queues)
	slices.SortStableFunc(queues, func(a, b DLQDocument) int { return cmp.Compare(roleOrder(a), roleOrder(b)) })
	for _, q := range queues {
		row := []string{q.Name, q.Type, known(q.Known, q.Ready), known(q.Known, q.Unacked), age(q.OldestMS)}
		if growing {
			row = append(row, growth(q.Growth))
		}
		if roles {
			row = append(row, string(q.Role))
		}
		row = append(row, q.Looking.Safe, sources(q))
		if doc.all() {
			row = slices.Insert(row, 1, q.VHost)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Style = func(row, column int, text string) string {
		q := queues[row]
		switch {
		case q.Role != dlq.RoleDeadLetter:
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

func roleOrder(q DLQDocument) int {
	return slices.Index([]dlq.Role{dlq.RoleDeadLetter, dlq.RoleWork, dlq.RoleWait}, q.Role)
}

func known(ok bool, n int64) string {
	if !ok {
		return "?"
	}
	return terminal.FormatCount(n)
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

// age writes an age roughly, in one or two units: what matters is whether it is minutes or days.
func age(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case ms < 0:
		return "-"
	case d < time.Second:
		return "<1s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// sources names the queues that dead-letter into q, each once.
func sources(q DLQDocument) string {
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
	case q.ByContent == dlq.ConventionBroker:
		return "(holds messages that died in other queues)"
	case q.ByContent != "":
		return "(holds failures as " + q.ByContent + " notes them)"
	case q.ByName != "":
		return "(named like an error queue: " + q.ByName + ")"
	}
	return ""
}

func writeLosing(b *bufio.Writer, doc DLQListDocument, style terminal.Styler, width int) {
	if len(doc.Losing) == 0 {
		return
	}
	fmt.Fprintln(b)
	for _, l := range doc.Losing {
		mark := style.Red("LOSING MESSAGES")
		switch {
		case l.Kept:
			mark = style.Yellow("PILING UP")
		case !l.Certain:
			mark = style.Yellow("MAY LOSE MESSAGES")
		}
		text := l.Queue + ": " + l.Reason + " (" + l.From + ")"
		if doc.all() {
			text = l.Queue + " of vhost " + l.VHost + ": " + l.Reason + " (" + l.From + ")"
		}
		if l.Certain && !l.Kept {
			foldedStyle(b, mark+"  ", text, width, style.Red)
		} else {
			folded(b, mark+"  ", text, width)
		}
	}
}
