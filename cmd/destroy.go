package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
)

const destroyLong = `Delete from the broker what the topology files declare, in reverse order of creation. Vhosts and users are deleted only
when the files declare them. The plan is shown first and must be confirmed.

Queues that hold messages or have consumers are in the way: --max-message-loss says how many messages, in all, may be
lost. What belongs to another topology is left alone.`

type destroyOptions struct {
	changeOptions
	connection *profile.Flags
	files      fileOptions
	diff       diffOptions
}

func newDestroyCmd(d *deps) *cobra.Command {
	opts := &destroyOptions{changeOptions: changeOptions{deps: d, verb: "destroy"}, diff: diffOptions{destroy: true}}
	cmd := &cobra.Command{
		Use:     "destroy",
		GroupID: groupTopology,
		Short:   "Delete what the files declare",
		Long:    destroyLong,
		Example: "  msgctl destroy -f topology.yaml\n  msgctl destroy -f topology.yaml --max-message-loss 100 --yes",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDestroy(cmd.Context(), opts) },
	}
	opts.files.register(cmd)
	opts.diff.register(cmd)
	opts.changeOptions.register(cmd)
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runDestroy(ctx context.Context, opts *destroyOptions) error {
	s, err := opts.deps.session(ctx, "destroy", opts.connection, &opts.files, &opts.diff)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.lock(ctx); err != nil {
		return err
	}
	return opts.change(ctx, s.connection, s.broker, s.plan)
}
