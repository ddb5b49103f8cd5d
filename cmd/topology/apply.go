package topology

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

const applyLong = `Make the broker as the topology files declare. The plan is shown first and must
be confirmed (--yes where nobody can be asked); exactly what it says is then
done, in the order of dependencies. Applying twice changes nothing the second
time.

When one object fails, what does not depend on it goes on; the report says what
is done and what is not, and running the same command again finishes. Ctrl-C
finishes the changes in hand and reports.

Nothing is ever deleted without its own flag: --prune deletes what this
topology's name once applied and no longer declares; --replace=empty replaces
queues that are unused and empty where an argument differs that RabbitMQ cannot
change.`

// NewApplyCmd is msgctl apply.
func NewApplyCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	return newChangeCmd(d, open, &cobra.Command{
		Use:   "apply",
		Short: "Make the broker as the files declare",
		Long:  applyLong,
		Example: "  msgctl apply -f topology.yaml\n  msgctl apply --yes --prune\n  msgctl apply -f topology.yaml " +
			"--replace=empty\n  msgctl apply -f definitions.json --vhost orders --yes -o json",
	}, diffOptions{})
}
