package cmdmsg

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
)

// RegisterProgress adds --progress for runs that take long: off a terminal they tell of their
// progress too.
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

// NewRunObserver returns one for a run over total messages; 0 is unknown.
func NewRunObserver(d *cmdutil.Process, mode terminal.ProgressMode, stage string, total int64) *RunObserver {
	bar := d.Streams.Progress(mode)
	if mode == terminal.ProgressAuto && !d.Streams.ErrTTY {
		bar = notesOnly{say: d.Say}
	}
	return &RunObserver{Bar: bar, stage: stage, total: max(total, 0)}
}

// notesOnly shows no progress, but what should be known of a run: a connection that was lost.
type notesOnly struct {
	terminal.Silent
	say func(format string, args ...any)
}

// Note implements terminal.Progress.
func (n notesOnly) Note(text string) { n.say("%s", text) }

// Begin shows that the run has begun, if nothing else has.
func (o *RunObserver) Begin() {
	if !o.begun {
		o.begun = true
		o.Bar.Begin(o.stage, "messages", o.total)
	}
}

// Progress implements dlq.Observer. After a lost connection messages that stayed are looked at
// again: what is shown never falls.
func (o *RunObserver) Progress(p replay.Progress) {
	o.Begin()
	if n := p.Looked - o.shown; n > 0 {
		o.shown = p.Looked
		o.Bar.Add(n)
	}
}

// Notice implements dlq.Observer.
func (o *RunObserver) Notice(n replay.Notice) { o.Bar.Note(n.Text) }

// End shows the end of the run, if it has begun.
func (o *RunObserver) End() {
	if o.begun {
		o.Bar.End()
	}
}
