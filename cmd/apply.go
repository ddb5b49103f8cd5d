package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
)

const applyLong = `Make the broker as the topology files declare. The plan is shown first and must be confirmed (--yes where nobody can be
asked); exactly what it says is then done, in the order of dependencies. Applying twice changes nothing the second time.

When one object fails, what does not depend on it goes on; the report says what is done and what is not, and running the same
command again finishes. Ctrl-C finishes the changes in hand and reports.

Nothing is ever deleted without its own flag: --prune deletes what this topology's name once applied and no longer
declares; --replace=empty replaces queues that are unused and empty where an argument differs that RabbitMQ cannot change.`

type applyOptions struct {
	changeOptions
	connection *profile.Flags
	files      fileOptions
	diff       diffOptions
}

func newApplyCmd(d *deps) *cobra.Command {
	opts := &applyOptions{changeOptions: changeOptions{deps: d, verb: "apply"}}
	cmd := &cobra.Command{
		Use:     "apply",
		GroupID: groupTopology,
		Short:   "Make the broker as the files declare",
		Long:    applyLong,
		Example: "  msgctl apply -f topology.yaml\n  msgctl apply --yes --prune\n  msgctl apply -f topology.yaml --replace=empty\n  msgctl apply -f definitions.json --vhost orders --yes -o json",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runApply(cmd.Context(), opts) },
	}
	opts.files.register(cmd)
	opts.diff.register(cmd)
	opts.changeOptions.register(cmd)
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runApply(ctx context.Context, opts *applyOptions) error {
	s, err := opts.deps.session(ctx, "apply", opts.connection, &opts.files, &opts.diff)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.lock(ctx); err != nil {
		return err
	}
	return opts.change(ctx, s.connection, s.broker, s.plan)
}
