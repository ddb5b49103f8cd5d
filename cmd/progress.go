package cmd

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
)

// registerProgress adds --progress for runs that take long: off a terminal they tell of their
// progress too.
func registerProgress(cmd *cobra.Command, mode *terminal.ProgressMode) {
	*mode = terminal.ProgressAuto
	cmd.Flags().Var(mode, "progress", "progress on stderr: auto (a bar on a terminal, JSON elsewhere), json or none")
}

// runObserver shows the progress of a run.
type runObserver struct {
	progress terminal.Progress
	stage    string
	total    int64
	shown    int64
	begun    bool
}

// observer returns one for a run over total messages; 0 is unknown.
func (d *deps) observer(mode terminal.ProgressMode, stage string, total int64) *runObserver {
	if mode == terminal.ProgressAuto && !d.streams.ErrTTY {
		mode = terminal.ProgressJSON
	}
	return &runObserver{progress: d.streams.Progress(mode), stage: stage, total: max(total, 0)}
}

func (o *runObserver) begin() {
	if !o.begun {
		o.begun = true
		o.progress.Begin(o.stage, "messages", o.total)
	}
}

// Progress implements dlq.Observer. After a lost connection messages that stayed are looked at
// again: what is shown never falls.
func (o *runObserver) Progress(p dlq.Progress) {
	o.begin()
	if n := p.Looked - o.shown; n > 0 {
		o.shown = p.Looked
		o.progress.Add(n)
	}
}

// Notice implements dlq.Observer.
func (o *runObserver) Notice(n dlq.Notice) { o.progress.Note(n.Text) }

func (o *runObserver) end() {
	if o.begun {
		o.progress.End()
	}
}
