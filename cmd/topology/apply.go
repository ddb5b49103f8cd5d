package topology

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

const applyLong = `Change the broker to match the topology files. The plan is shown first and must
be confirmed, or pass --yes where there is no terminal. Exactly that plan is
then carried out, in the order of dependencies. Applying again changes nothing.

When one object fails, everything that does not depend on it is still applied.
The report lists what is done and what is not; running the same command again
completes it. Ctrl-C completes the changes in flight and then reports.

Nothing is deleted without its own flag. --prune deletes objects that this
topology (by its name) once applied and no longer declares. --replace=empty
deletes and recreates unused, empty queues where an argument differs that
RabbitMQ cannot change.

What another topology applied is left alone. After a rename, or when objects
moved to another file, --adopt-from OLD takes over what these files declare from
topology OLD; that deletes nothing. Permissions, users, limits, policies and
parameters that no topology applied lose nothing: such a change is blocked, and
--adopt allows it. --prune also removes the records of topologies whose vhost is
gone.

Exit code 0: the broker matches the files. 1: nothing could be applied, or the
plan is blocked. 3: some changes failed.`

// NewApplyCmd is msgctl apply.
func NewApplyCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	return newChangeCmd(d, open, &cobra.Command{
		Use:   "apply",
		Short: "Change the broker to match the files",
		Long:  applyLong,
		Example: "  msgctl apply -f topology.yaml\n  msgctl apply --yes --prune\n  msgctl apply -f topology.yaml " +
			"--replace=empty\n  msgctl apply -f definitions.json --vhost orders --yes -o json",
	}, diffOptions{})
}
