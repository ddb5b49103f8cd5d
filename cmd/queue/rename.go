package queue

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/migrate"
)

const renameLong = `Give a queue another name. Its type, arguments, bindings and messages in their
order are kept. The plan is shown first and must be confirmed; pass --yes where
there is no terminal.

Consumers of the old name are cancelled and must subscribe to the new one.
Policies apply by name: the plan says if others apply to the new name. The old
name is deleted once nobody holds a message of it; what is then published to it
through the default exchange is lost, so the migration stops if it sees such
messages, unless --allow-gap is given.`

func newRenameCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &options{proc: d, open: open, command: "queue rename"}
	cmd := &cobra.Command{
		Use:     "rename OLD NEW",
		Short:   "Give a queue another name",
		Long:    renameLong,
		Example: "  msgctl queue rename orders orders.v2 --dry-run\n  msgctl queue rename orders orders.v2 --yes",
		Args:    cmdutil.Args("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, names []string) error {
			return opts.begin(cmd.Context(), names[0], migrate.Change{Name: names[1]})
		},
	}
	opts.register(cmd)
	return cmd
}
