package dlq

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
)

const moveLong = `Move messages to another queue or to an exchange, for example to a parking
queue. It works as dlq replay does: a message leaves the queue only after the
broker confirmed its copy and did not return it, and messages that cannot be
sent, or for which the target has no room, stay. A move does not count as a
replay. The message keeps its death history, so that it can still be replayed
from its new queue. It asks on a terminal, and begins at once without one.`

func newMoveCmd(d *cmdutil.Process, open OpenBroker, send sendFunc) *cobra.Command {
	opts := &replayOptions{open: open, send: send, common: cmdmsg.RunFlags{Deps: d}, move: true}
	cmd := &cobra.Command{
		Use:   "move QUEUE --to TARGET",
		Short: "Move messages to another queue or exchange",
		Long:  moveLong,
		Example: "  msgctl dlq move orders.dlq --to queue:parking-lot\n  msgctl dlq move orders.dlq --to " +
			"exchange:triage/orders --where 'error.type == \"TimeoutException\"'\n  msgctl dlq move orders.dlq --to " +
			"queue:copy --copy --limit 10",
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue = names[0]
			return runReplay(cmd.Context(), opts)
		},
	}
	opts.registerAll(cmd)
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}
