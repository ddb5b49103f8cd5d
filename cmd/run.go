package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
)

// runOptions are shared by the commands that take messages out of a queue.
type runOptions struct {
	deps     *deps
	cmd      *cobra.Command
	output   outputFormat
	progress terminal.ProgressMode
	report   string
	yes      string
}

func (o *runOptions) register(cmd *cobra.Command) {
	o.cmd = cmd
	o.output.register(cmd, "text", "json", "yaml")
	registerProgress(cmd, &o.progress)
	flags := cmd.Flags()
	flags.StringVar(&o.report, "report", "",
		"append a line of NDJSON for each message to a file: what became of it, and why")
	flags.StringVarP(&o.yes, "yes", "y", "", "do not ask")
	flags.Lookup("yes").NoOptDefVal = plainYes
}

// show writes a document to stdout.
func (o *runOptions) show(doc deadletters.RunDocument) error {
	streams := o.deps.streams
	if done, err := o.output.encode(streams.Out, doc); done {
		return err
	}
	return deadletters.RunText(streams.Out, doc, streams.OutStyler(o.deps.colour), streams.OutWidth())
}

// ask asks on a terminal what harms nobody, and goes on elsewhere.
func (o *runOptions) ask(ctx context.Context, question string) error {
	if o.yes != "" || !o.deps.streams.InTTY {
		return nil
	}
	ok, err := o.deps.streams.Confirm(ctx, terminal.Neutralise(question), "--yes")
	if err != nil {
		return err
	}
	return declined(ok)
}

// recorder opens the report's file, nil for none. It is appended to: an earlier report is never
// lost.
func (o *runOptions) recorder() (dlq.Recorder, func() error, error) {
	if o.report == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.OpenFile(o.report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the report: %w", err)
	}
	w := dlq.NewReportWriter(f)
	return w, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// end shows what a run did and maps it to the exit code.
func (o *runOptions) end(doc deadletters.RunDocument, err error) error {
	if shown := o.show(doc); shown != nil {
		return errors.Join(err, shown)
	}
	switch {
	case doc.Interrupted:
		return exitWith(exitInterrupted)
	case err != nil && doc.Done > 0:
		return &exitError{code: exitPartly, err: err}
	case err != nil:
		return err
	case doc.Stays() > 0 || doc.Aborted != "" || doc.Unreachable != "" || len(doc.Broken) > 0:
		return exitWith(exitPartly)
	}
	return nil
}
