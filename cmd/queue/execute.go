package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/migrations"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/migrate/run"
	"github.com/msgctl/msgctl/pkg/topology"
)

// workFlags are the flags of all commands that execute a migration.
type workFlags struct {
	output   cmdutil.OutputFlag
	progress terminal.ProgressMode
	report   string
	rate     float64
	above    float64
	patience time.Duration
	prefetch int
	allowGap bool
	began    bool // by this command, so that it may lead everything back
}

func (w *workFlags) register(cmd *cobra.Command) {
	w.output.Register(cmd, "text", "json", "yaml")
	cmdmsg.RegisterProgress(cmd, &w.progress)
	flags := cmd.Flags()
	flags.Float64Var(&w.rate, "rate", 0, "move at most this many messages per second (0: no limit)")
	flags.Float64Var(&w.above, "pause-above", 0, "move nothing while applications publish more than this many messages "+
		"per second to the queue through exchanges (0: never pause)")
	flags.StringVar(&w.report, "report", "",
		"append NDJSON to this `FILE`: each stage, with the messages in all queues, and the outcome")
	cmdutil.MarkNewFile(cmd, "report")
	flags.DurationVar(&w.patience, "patience", 10*time.Minute,
		"how long to wait, without any progress, for consumers that hold messages or for room in the new queue")
	flags.IntVar(&w.prefetch, "prefetch", 1000, "messages in flight: killing msgctl can double as many")
	flags.BoolVar(&w.allowGap, "allow-gap", false,
		"go on although publishers by name may lose messages while the queue is replaced")
}

// execute runs a job to its end, and reports.
func (w *workFlags) execute(ctx context.Context, d *cmdutil.Process, b Broker, conn *profile.Connection,
	live *topology.Live, j *migrate.Job) error {
	if w.rate < 0 || w.above < 0 || w.prefetch <= 0 || w.patience <= 0 {
		return cmdutil.UsageError("--prefetch 1000 --patience 10m",
			"--rate and --pause-above cannot be negative, and --prefetch and --patience must be positive")
	}
	observer, err := w.observe(ctx, d, b, j)
	if err != nil {
		return err
	}
	reconnect := cmdmsg.Reconnect(conn)
	r := run.Runner{Broker: b, Job: j, Options: w.options(),
		Identity: migrate.Identity{Login: conn.User, Impersonator: slices.Contains(live.Server.Tags, "impersonator")}}
	r.Options.Observer = observer
	r.Options.Reconnect = run.Reconnect{Delay: reconnect.Delay, Attempts: reconnect.Attempts,
		ConfirmTimeout: reconnect.ConfirmTimeout}
	start := time.Now()
	result, err := r.Run(ctx)
	observer.end()
	doc := migrations.NewOutcomeDocument(j, result, err, time.Since(start))
	doc.Interrupted = errors.Is(err, run.ErrInterrupted)
	if shown := errors.Join(observer.close(doc), w.show(d, doc)); shown != nil {
		return errors.Join(err, shown)
	}
	return w.failure(ctx, &r, err)
}

// options are those of a runner that the flags set.
func (w *workFlags) options() run.Options {
	return run.Options{Rate: w.rate, PauseAbove: w.above, Patience: w.patience, Prefetch: w.prefetch}
}

func (w *workFlags) show(d *cmdutil.Process, doc migrations.OutcomeDocument) error {
	if done, err := w.output.Encode(d.Streams.Out, doc); done {
		return err
	}
	return migrations.OutcomeText(d.Streams.Out, doc, d.Streams.OutWidth())
}

// undoTimeout bounds the removal of what was prepared in vain.
const undoTimeout = 30 * time.Second

// failure says how to go on after an error. What was only prepared is removed again.
func (w *workFlags) failure(ctx context.Context, r *run.Runner, err error) error {
	if err == nil {
		return nil
	}
	if r.Job.Stage == migrate.Prepare {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		if undo := r.Undo(bounded); undo == nil {
			return fmt.Errorf("nothing was changed: %w", err)
		}
	}
	hopeless := errors.Is(err, topology.ErrNotPermitted) || errors.Is(err, run.ErrNotCopied)
	if hopeless && w.began && r.Job.CanAbort() {
		r.Job.Abort()
		if _, back := r.Run(ctx); back == nil {
			return fmt.Errorf("everything was led back to queue %q as it was: %w", r.Job.From.Name, err)
		}
	}
	exit := &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: goOn(r.Job)}
	var byName *run.ByNameError
	switch {
	case errors.Is(err, run.ErrInterrupted):
		exit.Code = cmdutil.ExitInterrupted
	case errors.Is(err, topology.ErrNotPermitted):
		exit.Code = cmdutil.ExitNotPermitted
	case errors.As(err, &byName):
		exit.Advice = "stop that publisher or let it use an exchange, then: " + exit.Advice + "\nmsgctl queue jobs resume " +
			r.Job.ID + " --allow-gap   goes on in spite of that"
	}
	return exit
}
