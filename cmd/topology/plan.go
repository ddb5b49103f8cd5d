// Package topology has the commands about topology files: validate, lint, route, test and graph,
// which need no broker, and plan, apply, destroy and export, which compare a file with one.
// pkg/topology does the work; this package checks flags, asks for confirmation and shows results.
package topology

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/plans"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

const planLong = `Compare topology files with the live broker and show what apply would change,
object by object and field by field. Nothing is changed.

  + create   ~ update   - delete   = adopt
  ∓ replace: an argument differs that RabbitMQ cannot change

A step that deletes shows how many messages and consumers are at stake. What the
broker would refuse or silently ignore is reported as an error. A value that a
policy or the broker sets is not a difference.

Exit code 0: the plan was made; with --detailed-exitcode, it is empty. 2: with
--detailed-exitcode, it has changes. 1: apply would refuse it, because of errors
or blocked steps.`

type planOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	connection *profile.Flags
	files      cmdutil.FileFlag
	diff       diffOptions
	output     cmdutil.OutputFlag
	detailed   bool
}

// NewPlanCmd is msgctl plan.
func NewPlanCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &planOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "plan",
		GroupID: cmdutil.GroupTopology,
		Short:   "Show what apply would change",
		Long:    planLong,
		Example: "  msgctl plan -f topology.yaml\n  msgctl plan --prune --detailed-exitcode\n  msgctl plan -f base.yaml " +
			"-f staging.yaml -o markdown > comment.md",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runPlan(cmd.Context(), opts) },
	}
	opts.files.Register(cmd)
	opts.diff.register(cmd)
	opts.output.Register(cmd, "text", "json", "yaml", "markdown")
	cmd.Flags().BoolVar(&opts.detailed, "detailed-exitcode", false, "exit with code 2 when there are changes")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runPlan(ctx context.Context, opts *planOptions) error {
	c, err := newComparison(ctx, opts.proc, opts.open, "plan", opts.connection, &opts.files, &opts.diff)
	if err != nil {
		return err
	}
	defer c.close()
	plan, err := c.plan(ctx)
	if err != nil {
		return err
	}
	if err := opts.show(plan); err != nil {
		return err
	}
	switch {
	case plan.Refusal() != nil: // a pipeline should fail here rather than at apply
		return cmdutil.ExitWith(cmdutil.ExitFailed)
	case opts.detailed && !plan.Empty():
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}

func (o *planOptions) show(plan *plan.Plan) error {
	streams := o.proc.Streams
	doc := plans.NewPlanDocument(plan)
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	if o.output.Value == "markdown" {
		return plans.Markdown(streams.Out, doc)
	}
	return plans.Text(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth())
}
