package events

import (
	"fmt"
	"io"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// DryRunFileDocument is the predicted outcome of publishing a file.
type DryRunFileDocument struct {
	FormatVersion string `json:"format_version"`
	DryRun        bool   `json:"dry_run"`
	// Type is the type of all events, "" if each event names its own.
	Type  string `json:"type,omitempty"`
	VHost string `json:"vhost"`
	File  string `json:"file"`
	// Valid is the number of events that would be sent, Invalid the number of invalid lines.
	Valid   int64 `json:"valid"`
	Invalid int64 `json:"invalid"`
	// Failures are the first invalid lines.
	Failures []UnpublishedDocument `json:"failures,omitempty"`
	// Drops describes the reached queues that drop messages when they are full, or at once.
	Drops []string `json:"drops,omitempty"`
}

// maxDryRunFailures is the maximum length of Failures.
const maxDryRunFailures = 20

// NewDryRunFileDocument returns the document of a file without lines. Add adds them.
func NewDryRunFileDocument(typ, vhost, file string) DryRunFileDocument {
	return DryRunFileDocument{FormatVersion: PublishFormatVersion, DryRun: true, Type: typ, VHost: vhost, File: file}
}

// Add counts a line. The line is valid if err is nil.
func (d *DryRunFileDocument) Add(line int64, err error) {
	if err == nil {
		d.Valid++
		return
	}
	d.Invalid++
	if len(d.Failures) < maxDryRunFailures {
		d.Failures = append(d.Failures, NewUnpublishedDocument(bulk.Result{Line: line, Outcome: bulk.Invalid, Err: err}))
	}
}

// DryRunFileText writes the invalid lines to stderr and the counts to stdout, for people.
func DryRunFileText(stdout, stderr io.Writer, doc DryRunFileDocument) error {
	for _, f := range doc.Failures {
		fmt.Fprintln(stderr, terminal.Neutralise(fmt.Sprintf("line %d: %s", f.Line, f.Reason)))
	}
	for _, text := range doc.Drops {
		fmt.Fprintln(stderr, "note: "+terminal.Neutralise(text))
	}
	_, err := fmt.Fprintf(stdout, "%s would be sent, %s invalid\n", terminal.FormatPlural(doc.Valid, "event", "events"),
		terminal.FormatPlural(doc.Invalid, "line is", "lines are"))
	return err
}
