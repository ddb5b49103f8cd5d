package topology

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/plans"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// changeOptions are the flags of the commands that change a broker: what to compare, and how to
// show, ask and report.
type changeOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	verb       string // the command's name, also used in its question
	connection *profile.Flags
	files      cmdutil.FileFlag
	diff       diffOptions
	output     cmdutil.OutputFlag
	progress   terminal.ProgressMode
	yes        string
}

// newChangeCmd completes a command that executes a plan.
func newChangeCmd(d *cmdutil.Process, open OpenBroker, cmd *cobra.Command, diff diffOptions) *cobra.Command {
	opts := &changeOptions{proc: d, open: open, verb: cmd.Use, diff: diff}
	cmd.GroupID, cmd.Args = cmdutil.GroupTopology, cmdutil.Args()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runChange(cmd.Context(), opts) }
	opts.files.Register(cmd)
	opts.diff.register(cmd)
	opts.register(cmd)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runChange(ctx context.Context, opts *changeOptions) error {
	c, err := newComparison(ctx, opts.proc, opts.open, opts.verb, opts.connection, &opts.files, &opts.diff)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.lock(ctx); err != nil {
		return err
	}
	return opts.change(ctx, c.connection, c.broker, c.plan)
}

func (o *changeOptions) register(cmd *cobra.Command) {
	o.output.Register(cmd, "text", "json", "yaml")
	o.progress = terminal.ProgressAuto
	cmd.Flags().Var(&o.progress, "progress", "progress on stderr: auto (a bar on a terminal), json or none")
	cmd.Flags().StringVarP(&o.yes, "yes", "y", "",
		"do not ask for confirmation; destructive changes on a protected context need --yes=VHOST")
	cmd.Flags().Lookup("yes").NoOptDefVal = cmdutil.PlainYes
}

// change shows the plan, asks, plans again, executes exactly the plan that was shown, and reports.
func (o *changeOptions) change(ctx context.Context, conn *profile.Connection, b Broker, makePlan planner) error {
	plan, err := makePlan(ctx)
	if err != nil {
		return err
	}
	if err := o.show(plan); err != nil {
		return err
	}
	if plan.Refusal() != nil {
		return refused(plan)
	}
	if plan.Empty() && !plan.OnlyRecords() {
		if err := o.report(plan, apply.Result{}); err != nil {
			return err
		}
		return complete(plan)
	}
	if !plan.Empty() {
		if err := o.confirm(ctx, conn, plan); err != nil {
			return err
		}
	}
	if err := unmoved(ctx, plan, makePlan); err != nil {
		return err
	}
	observer := &progressObserver{progress: o.proc.Streams.Progress(o.progress)}
	result, err := apply.Run(ctx, plan, b, observer,
		apply.Options{Parallel: writesAtOnce, StepTimeout: conn.Timeout})
	observer.end()
	if err != nil {
		return err
	}
	if err := o.report(plan, result); err != nil {
		return err
	}
	if err := outcome(result); err != nil {
		return err
	}
	return complete(plan)
}

// complete returns exit code 3 if the plan could not include everything that is declared; the plan
// has said why.
func complete(plan *plan.Plan) error {
	if len(plan.LeftAlone) > 0 {
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	}
	return nil
}

// writesAtOnce is how many objects of one kind are written concurrently.
const writesAtOnce = 8

// show prints the plan: to stdout for a person, or to stderr if stdout is for the report's JSON and
// a question follows.
func (o *changeOptions) show(plan *plan.Plan) error {
	streams := o.proc.Streams
	doc := plans.NewPlanDocument(plan)
	switch {
	case o.output.Value == "text" && plan.Empty() && plan.Refusal() == nil:
		return nil // the report contains everything
	case o.output.Value == "text":
		return plans.Text(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth())
	case plan.Refusal() != nil || o.yes == "":
		return plans.Text(streams.Err, doc, streams.ErrStyler(o.proc.Colour), streams.ErrWidth())
	}
	return nil
}

func (o *changeOptions) report(plan *plan.Plan, result apply.Result) error {
	streams := o.proc.Streams
	doc := plans.NewApplyDocument(plan, result)
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	if plan.Empty() {
		return plans.Text(streams.Out, plans.NewPlanDocument(plan), streams.OutStyler(o.proc.Colour), streams.OutWidth())
	}
	return plans.ApplyText(streams.Out, doc, streams.OutStyler(o.proc.Colour))
}

// confirm asks, unless --yes was given. On a protected context, destructive plans need the vhost's
// name.
func (o *changeOptions) confirm(ctx context.Context, conn *profile.Connection, plan *plan.Plan) error {
	if conn.Protected() && plan.Destructive() {
		return o.confirmProtected(ctx, conn, plan)
	}
	switch o.yes {
	case cmdutil.PlainYes, conn.VHost:
		return nil
	case "":
	default:
		return cmdutil.UsageError("--yes alone, or --yes="+conn.VHost, "--yes=%s does not name the vhost %q", o.yes,
			conn.VHost)
	}
	ok, err := o.proc.Streams.Confirm(ctx, fmt.Sprintf("Do you want to %s this plan?", o.verb), "--yes")
	if err != nil {
		return err
	}
	return cmdutil.Declined(ok)
}

func (o *changeOptions) confirmProtected(ctx context.Context, conn *profile.Connection, plan *plan.Plan) error {
	vhost := planVHost(plan, conn)
	flag := "--yes=" + vhost
	switch o.yes {
	case vhost:
		return nil
	case "":
	default:
		return cmdutil.UsageError(flag, "the plan is destructive and %s: --yes must name vhost %q", conn.Protection(), vhost)
	}
	question := fmt.Sprintf("The plan is destructive and %s. To %s it,", conn.Protection(), o.verb)
	ok, err := o.proc.Streams.ConfirmName(ctx, question, vhost, flag)
	if err != nil {
		return err
	}
	return cmdutil.Declined(ok)
}

// planVHost is the vhost to type: that of the plan's destructive steps, else the connection's.
func planVHost(p *plan.Plan, conn *profile.Connection) string {
	for _, s := range p.Steps {
		if !s.Destructive() {
			continue
		}
		if s.Ref.VHost != "" {
			return s.Ref.VHost
		}
		if s.Ref.Kind == topology.KindVHost {
			return s.Ref.Name
		}
	}
	return conn.VHost
}

// unmoved plans again, and refuses if the broker has changed since the plan was shown, or if queues
// now hold more messages than may be lost.
func unmoved(ctx context.Context, shown *plan.Plan, makePlan planner) error {
	now, err := makePlan(ctx)
	if err != nil {
		return err
	}
	err = shown.SameAs(now)
	if blocked := now.Blocked(); err == nil && len(blocked) > 0 {
		s := blocked[0]
		err = fmt.Errorf("%w: %s %s: %s", plan.ErrChanged, s.Action, s.Ref.Full(), s.Blocked)
	}
	if err != nil {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("nothing was changed: %w", err),
			Advice: "run the same command again and review the new plan"}
	}
	return nil
}

// refused ends a command whose plan cannot be executed; the plan has shown why.
func refused(plan *plan.Plan) error {
	if plan.Problems.HasErrors() {
		return errors.New("nothing was changed: fix the errors above first")
	}
	return errors.New("nothing was changed: the plan has blocked steps; " +
		"each one above says why, and which flag allows it if one does")
}

// outcome maps the results of the steps to the exit code; the report has shown the rest.
func outcome(r apply.Result) error {
	if r.Interrupted {
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	}
	var partial *apply.PartialError
	switch {
	case !errors.As(r.Err(), &partial):
		return nil
	case partial.Failed == 0 || partial.Done > 0:
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	case errors.Is(partial, topology.ErrNotPermitted):
		return cmdutil.ExitWith(cmdutil.ExitNotPermitted)
	}
	return cmdutil.ExitWith(cmdutil.ExitFailed)
}

// progressObserver shows the progress of an apply.
type progressObserver struct {
	progress terminal.Progress
	begun    bool
}

// Begin implements apply.Observer.
func (p *progressObserver) Begin(steps int) {
	p.begun = true
	p.progress.Begin("apply", "changes", int64(steps))
}

// StepEnded implements apply.Observer.
func (p *progressObserver) StepEnded(int, plan.Step, apply.StepResult) { p.progress.Add(1) }

func (p *progressObserver) end() {
	if p.begun {
		p.progress.End()
	}
}
