package topology

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

const destroyLong = `Delete from the broker what the topology files declare, in reverse order of
creation. Vhosts and users are deleted only when the files declare them. The
plan is shown first and must be confirmed.

Queues that hold messages or have consumers are in the way: --max-message-loss
says how many messages, in all, may be lost. What belongs to another topology is
left alone.`

// NewDestroyCmd is msgctl destroy.
func NewDestroyCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	return newChangeCmd(d, open, &cobra.Command{
		Use:     "destroy",
		Short:   "Delete what the files declare",
		Long:    destroyLong,
		Example: "  msgctl destroy -f topology.yaml\n  msgctl destroy -f topology.yaml --max-message-loss 100 --yes",
	}, diffOptions{destroy: true})
}
