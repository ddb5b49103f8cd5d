package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/internal/render/migrations"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/migrate"
)

// stages shows the progress of a migration, stage by stage, and writes the report.
type stages struct {
	proc   *cmdutil.Process
	mode   terminal.ProgressMode
	job    *migrate.Job
	counts func() map[string]int64 // the ready messages of the queues that there are
	file   io.WriteCloser          // nil without a report
	failed error                   // of the report
	now    *cmdmsg.RunObserver
	// before and last are what was moved in the stage until now, by earlier runs and by this one.
	before, last int64
}

// observe opens the report.
func (w *workFlags) observe(ctx context.Context, d *cmdutil.Process, b Broker, j *migrate.Job) (*stages, error) {
	s := &stages{proc: d, mode: w.progress, job: j}
	s.counts = func() map[string]int64 {
		all := map[string]int64{}
		for _, name := range []string{j.From.Name, j.To.Name, j.Backlog().Name, j.Arrivals().Name} {
			if n, err := b.Ready(ctx, j.From.VHost, name); err == nil {
				all[name] = n
			}
		}
		return all
	}
	if w.report == "" {
		return s, nil
	}
	f, err := d.Append(w.report)
	if err != nil {
		return nil, fmt.Errorf("open the report: %w", err)
	}
	s.file = f
	return s, nil
}

// Begin implements run.Observer.
func (s *stages) Begin(stage migrate.Stage) {
	s.end()
	ready := s.counts()
	total := ready[s.job.From.Name]
	if !stage.Before(migrate.Switch) {
		total = ready[s.job.Backlog().Name] + ready[s.job.Arrivals().Name]
	}
	s.write(migrations.StageLine{Event: "stage", Job: s.job.ID, Stage: stage, At: time.Now().UTC(), Ready: ready})
	s.before, s.last = 0, 0
	s.now = cmdmsg.NewRunObserver(s.proc, s.mode, string(stage), total)
	if s.mode != terminal.ProgressNone {
		s.now.Bar.Note(fmt.Sprintf("stage %s (job %s)", stage, s.job.ID))
	}
}

// Progress implements report.Observer. A stage moves messages in several runs, each of which counts
// from 0.
func (s *stages) Progress(p report.Progress) {
	if p.Done < s.last {
		s.before += s.last
	}
	s.last = p.Done
	p.Processed = s.before + p.Done
	s.now.Progress(p)
}

// Notice implements report.Observer.
func (s *stages) Notice(n report.Notice) { s.now.Notice(n) }

func (s *stages) end() {
	if s.now != nil {
		s.now.End()
	}
}

func (s *stages) write(line any) {
	if s.file == nil || s.failed != nil {
		return
	}
	text, err := jsonline.Append(nil, line)
	if err == nil {
		_, err = s.file.Write(append(text, '\n'))
	}
	s.failed = err
}

// close ends the report. An error says that it is not complete.
func (s *stages) close(doc migrations.OutcomeDocument) error {
	if s.file == nil {
		return nil
	}
	s.write(migrations.OutcomeLine{Event: "outcome", At: time.Now().UTC(), Ready: s.counts(), OutcomeDocument: doc})
	if err := errors.Join(s.failed, s.file.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
