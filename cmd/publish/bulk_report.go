package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// maxFailuresShown limits how many failures are shown during a run, to as many as a report lists.
const maxFailuresShown = 20

// showsFailures reports whether failures are shown on stderr during the run. Without a terminal,
// only the report lists them.
func (r *publishing) showsFailures() bool {
	return r.progress == terminal.ProgressJSON || r.progress == terminal.ProgressAuto && r.proc.Streams.ErrTTY
}

// recorder writes failures to --report.
func (r *publishing) recorder() (func(bulk.Result), func() error, error) {
	if r.bulk.report == "" {
		return func(bulk.Result) {}, func() error { return nil }, nil
	}
	f, err := r.proc.Append(r.bulk.report)
	if err != nil {
		return nil, nil, fmt.Errorf("open the report: %w", err)
	}
	var first error
	return func(x bulk.Result) {
		if err := render.JSONLine(f, events.NewUnpublishedDocument(x)); err != nil && first == nil {
			first = fmt.Errorf("write the report: %w", err)
		}
	}, func() error { return errors.Join(first, f.Close()) }, nil
}

// endBulk shows the report and maps it to the exit code.
func (r *publishing) endBulk(ctx context.Context, o bulk.Options, report bulk.Report, elapsed time.Duration,
	err error) error {
	complete := err == nil && !report.Stopped && report.Unknown+report.Unsent == 0
	// Without an outcome of any line nothing was sent, and there is nothing to continue. The
	// exceptions are an interruption and an earlier run whose end is unknown: either may have left
	// messages in flight.
	nothing := report.Total() == 0 && !r.bulk.resume && ctx.Err() == nil
	if o.Journal != nil {
		err = errors.Join(err, o.Journal.Close(complete || nothing))
	}
	doc := events.NewBulkDocument(r.typ, r.vhost, r.bulk.ndjson, report, elapsed)
	doc.Interrupted = ctx.Err() != nil
	doc.Complete = complete
	if !complete && !nothing && o.Journal != nil {
		doc.Resume = "the same command with --resume continues with line " + terminal.FormatCount(report.Line+1)
	}
	if complete {
		doc.Rest = r.rest(report)
	}
	err = errors.Join(err, r.show(doc, err))
	switch {
	case doc.Interrupted:
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	case err != nil && report.Done() > 0:
		return &cmdutil.ExitError{Code: cmdutil.ExitPartly, Err: err}
	case err != nil:
		return err
	case report.Failed() > 0 && report.Done() == 0:
		return cmdutil.ExitWith(cmdutil.ExitFailed)
	case report.Failed() > 0:
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	return nil
}

// show writes the report. An error before anything was sent, such as a refused login, stands alone.
func (r *publishing) show(doc events.BulkDocument, err error) error {
	s := r.proc.Streams
	if done, err := r.output.Encode(s.Out, doc); done {
		return err
	}
	if err != nil && doc.Total() == 0 && !doc.Interrupted {
		return nil
	}
	return events.BulkText(s.Out, doc, r.showsFailures() && s.OutTTY, s.OutStyler(r.proc.Colour))
}

// rest says, after a complete run, how to publish the lines that failed. The same command again
// would publish the other lines a second time.
func (r *publishing) rest(report bulk.Report) string {
	if report.Failed() == 0 || report.Done() == 0 || r.bulk.ndjson == "" {
		return ""
	}
	again := "The same command again publishes the other lines again. "
	var lines []int64
	for _, f := range report.Failures {
		lines = append(lines, f.Line)
	}
	if r.bulk.ndjson == "-" || int64(len(lines)) < report.Failed() {
		return again + "Correct the lines that failed, and publish only them; --report FILE lists all of them."
	}
	slices.Sort(lines)
	var print strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&print, "%dp;", line)
	}
	return fmt.Sprintf("%sCopy the lines that failed, correct them, and publish only them: sed -n '%s' %s > rest.ndjson",
		again, strings.TrimSuffix(print.String(), ";"), shell.Quote(r.bulk.ndjson))
}
