package topology

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

const destroyLong = `Delete the objects that the topology files declare from the broker, in reverse
order of creation. Vhosts and users are deleted only when the files declare
them. The plan is shown first and must be confirmed.

Queues that hold messages or have consumers block the plan; --max-message-loss
sets how many messages, in total, may be lost. Objects that belong to another
topology block the plan, and so do those that the broker's record of this
topology does not name, because somebody else created them: msgctl apply --adopt
records that they are yours. The same holds for bindings that would go with a
queue or exchange and lead to or from one that stays. If the broker has no
record of this topology, the plan deletes what the files declare and lists it.`

// NewDestroyCmd is msgctl destroy.
func NewDestroyCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	return newChangeCmd(d, open, &cobra.Command{
		Use:     "destroy",
		Short:   "Delete what the files declare",
		Long:    destroyLong,
		Example: "  msgctl destroy -f topology.yaml\n  msgctl destroy -f topology.yaml --max-message-loss 100 --yes",
	}, diffOptions{destroy: true})
}
