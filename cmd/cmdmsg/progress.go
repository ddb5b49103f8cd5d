package cmdmsg

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// RegisterProgress adds --progress to a long-running command.
func RegisterProgress(cmd *cobra.Command, mode *terminal.ProgressMode) {
	*mode = terminal.ProgressAuto
	cmd.Flags().Var(mode, "progress", "progress on stderr: auto (a bar on a terminal), json or none")
}

// RunObserver shows the progress of a run.
type RunObserver struct {
	Bar   terminal.Progress
	stage string
	total int64
	shown int64
	begun bool
}

// NewRunObserver returns an observer for a run over total messages; 0 means unknown.
func NewRunObserver(d *cmdutil.Process, mode terminal.ProgressMode, stage string, total int64) *RunObserver {
	bar := d.Streams.Progress(mode)
	if mode == terminal.ProgressAuto && !d.Streams.ErrTTY {
		bar = notesOnly{say: d.Say}
	}
	return &RunObserver{Bar: bar, stage: stage, total: max(total, 0)}
}

// notesOnly drops progress and shows only notes, such as a lost connection.
type notesOnly struct {
	terminal.Silent
	say func(format string, args ...any)
}

// Note implements terminal.Progress.
func (n notesOnly) Note(text string) { n.say("%s", text) }

// Begin shows the start of the run, once.
func (o *RunObserver) Begin() {
	if !o.begun {
		o.begun = true
		o.Bar.Begin(o.stage, "messages", o.total)
	}
}

// Progress implements dlq.Observer. After a lost connection, messages that stayed are browsed
// again; the numbers shown never decrease.
func (o *RunObserver) Progress(p replay.Progress) {
	o.Begin()
	if n := p.Processed - o.shown; n > 0 {
		o.shown = p.Processed
		o.Bar.Add(n)
	}
}

// Notice implements dlq.Observer.
func (o *RunObserver) Notice(n replay.Notice) { o.Bar.Note(n.Text) }

// End shows the end of the run if its start was shown.
func (o *RunObserver) End() {
	if o.begun {
		o.Bar.End()
	}
}
