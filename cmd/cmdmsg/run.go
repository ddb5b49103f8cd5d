package cmdmsg

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// RunFlags are the flags that all commands that take messages out of a queue share.
type RunFlags struct {
	Deps     *cmdutil.Process
	Cmd      *cobra.Command
	Output   cmdutil.OutputFlag
	Progress terminal.ProgressMode
	Report   string
	Yes      string
}

// Register adds the flags to a command.
func (o *RunFlags) Register(cmd *cobra.Command) {
	o.Cmd = cmd
	o.Output.Register(cmd, "text", "json", "yaml")
	RegisterProgress(cmd, &o.Progress)
	flags := cmd.Flags()
	flags.StringVar(&o.Report, "report", "",
		"append one NDJSON line per message to this `FILE`: its outcome and the reason")
	cmdutil.MarkNewFile(cmd, "report")
	flags.StringVarP(&o.Yes, "yes", "y", "", "do not ask for confirmation")
	flags.Lookup("yes").NoOptDefVal = cmdutil.PlainYes
}

// Show writes a document to stdout.
func (o *RunFlags) Show(doc deadletters.RunDocument) error {
	streams := o.Deps.Streams
	if done, err := o.Output.Encode(streams.Out, doc); done {
		return err
	}
	return deadletters.RunText(streams.Out, doc, streams.OutStyler(o.Deps.Colour), streams.OutWidth())
}

// Ask asks on a terminal before a harmless action; without a terminal it continues.
func (o *RunFlags) Ask(ctx context.Context, question string) error {
	if o.Yes != "" || !o.Deps.Streams.InTTY {
		return nil
	}
	ok, err := o.Deps.Streams.Confirm(ctx, terminal.Neutralise(question), "--yes")
	if err != nil {
		return err
	}
	return cmdutil.Declined(ok)
}

// Recorder opens the report's file; it returns nil if there is none. It appends, so that an earlier
// report is kept.
func (o *RunFlags) Recorder() (replay.Recorder, func() error, error) {
	if o.Report == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := o.Deps.Append(o.Report)
	if err != nil {
		return nil, nil, fmt.Errorf("open the report: %w", err)
	}
	w := replay.NewReportWriter(f)
	return w, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// End shows the summary of a run and maps it to the exit code.
func (o *RunFlags) End(doc deadletters.RunDocument, err error) error {
	if shown := o.Show(doc); shown != nil {
		return errors.Join(err, shown)
	}
	switch {
	case doc.Interrupted:
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	case err != nil && doc.Done > 0:
		return &cmdutil.ExitError{Code: cmdutil.ExitPartly, Err: err}
	case err != nil:
		return err
	case doc.Denied():
		return cmdutil.ExitWith(cmdutil.ExitNotPermitted)
	case doc.Stays() > 0 || doc.Aborted != "" || doc.Unreachable != "" || len(doc.Broken) > 0:
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	return nil
}
