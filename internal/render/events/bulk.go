package events

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// BulkDocument is the outcome of publishing many events.
type BulkDocument struct {
	FormatVersion string `json:"format_version"`
	// Type is the type of all events, "" if each event names its own.
	Type  string `json:"type,omitempty"`
	VHost string `json:"vhost"`
	File  string `json:"file,omitempty"`
	bulk.Counts
	// Line is the last line up to which every event has a final outcome.
	Line int64 `json:"line"`
	// Repeats is an upper bound of the number of events that were sent twice, with the same id,
	// after a lost connection.
	Repeats int64 `json:"repeats_at_most,omitempty"`
	// Failures are the first events that failed.
	Failures []UnpublishedDocument `json:"failures,omitempty"`
	// Complete reports whether the whole source was published.
	Complete    bool   `json:"complete"`
	Stopped     bool   `json:"stopped,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"`
	Resume      string `json:"resume,omitempty"`
	// Rest says how to publish the events that failed without the others.
	Rest      string `json:"rest,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// UnpublishedDocument is an event that was not published. It is also the form of a line of a report
// file.
type UnpublishedDocument struct {
	Line    int64        `json:"line"`
	EventID string       `json:"event_id,omitempty"`
	Outcome bulk.Outcome `json:"outcome"`
	Reason  string       `json:"reason"`
}

// NewUnpublishedDocument returns the document of a failed result.
func NewUnpublishedDocument(x bulk.Result) UnpublishedDocument {
	f := UnpublishedDocument{Line: x.Line, EventID: x.ID, Outcome: x.Outcome}
	if x.Err != nil {
		f.Reason = x.Err.Error()
	}
	return f
}

// NewBulkDocument returns the document of a report.
func NewBulkDocument(typ, vhost, file string, r bulk.Report, elapsed time.Duration) BulkDocument {
	doc := BulkDocument{FormatVersion: PublishFormatVersion, Type: typ, VHost: vhost, File: file, Counts: r.Counts,
		Line: r.Line, Repeats: r.Repeats, Stopped: r.Stopped, ElapsedMS: elapsed.Milliseconds()}
	for _, f := range r.Failures {
		doc.Failures = append(doc.Failures, NewUnpublishedDocument(f))
	}
	return doc
}

// BulkText writes the report for people. listed says that they have seen the failures already.
func BulkText(w io.Writer, doc BulkDocument, listed bool, style terminal.Styler) error {
	var parts []string
	for _, c := range []struct {
		n    int64
		word string
		good bool
	}{{doc.Confirmed, "confirmed", true}, {doc.Delayed, "delayed", true}, {doc.Unrouted, "unrouted", true},
		{doc.Returned, "returned", false}, {doc.Rejected, "rejected", false}, {doc.Unknown, "unknown", false},
		{doc.Invalid, "invalid", false}, {doc.Unsent, "unsent", false}} {
		switch text := terminal.FormatCount(c.n) + " " + c.word; {
		case c.n > 0 && !c.good:
			parts = append(parts, style.Red(text))
		case c.n > 0 || c.word == "confirmed":
			parts = append(parts, style.Green(text))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s", strings.Join(parts, ", "), render.Elapsed(doc.ElapsedMS))
	if s := float64(doc.ElapsedMS) / 1000; s >= 1 {
		fmt.Fprintf(&b, " (%s/s)", terminal.FormatCount(int64(float64(doc.Total())/s)))
	}
	b.WriteByte('\n')
	if doc.Repeats > 0 {
		fmt.Fprintf(&b, "At most %s sent twice, with the same eventId, because a connection was lost.\n",
			terminal.FormatPlural(doc.Repeats, "event was", "events were"))
	}
	for _, f := range doc.Failures {
		if listed {
			break
		}
		fmt.Fprintf(&b, "  line %d %s: %s\n", f.Line, f.Outcome, terminal.Neutralise(f.Reason))
	}
	if more := doc.Failed() - int64(len(doc.Failures)); more > 0 && len(doc.Failures) > 0 {
		fmt.Fprintf(&b, "  and %s more (--report FILE has all)\n", terminal.FormatCount(more))
	}
	if doc.Stopped {
		fmt.Fprintln(&b, "Stopped at the first failure (--on-error stop).")
	}
	if doc.Resume != "" {
		fmt.Fprintf(&b, "To continue: %s.\n", doc.Resume)
	}
	if doc.Rest != "" {
		fmt.Fprintln(&b, doc.Rest)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
