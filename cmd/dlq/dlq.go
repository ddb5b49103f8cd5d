// Package dlq has the commands about dead letters: ls, inspect, replay, move, purge, export and
// import.
package dlq

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
)

const dlqLong = `Find dead-letter queues, look into them without harm, and put messages back
where they belong.

No message is lost: one leaves its queue only after the broker confirmed its
copy, after it was durably written to an archive, or because you asked to
destroy it. Killing msgctl, a lost connection or a stopped broker can cause
duplicates, never a loss. What looking does to a queue is said before it is
done; where it could do harm it is refused.`

// NewCmd is msgctl dlq.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("dlq", "Find, inspect, replay, move, purge and archive dead letters", dlqLong)
	cmd.AddCommand(newListCmd(d, open), newInspectCmd(d, open), newReplayCmd(d, open), newMoveCmd(d, open),
		newPurgeCmd(d, open),
		newExportCmd(d, open), newImportCmd(d, open))
	cmd.GroupID, cmd.SuggestionsMinimumDistance = cmdutil.GroupDeadLetters, 2
	cmd.Example = `  msgctl dlq ls                                           where are dead letters, and who loses some?
  msgctl dlq inspect orders.dlq --group-by reason,queue   what are they?
  msgctl dlq replay orders.dlq --dry-run                  where would they go?
  msgctl dlq replay orders.dlq                            back to where they died`
	return cmd
}

// Broker is what the commands about messages need of a live broker.
type Broker interface {
	// VHosts lists the vhosts that the user may see.
	VHosts(ctx context.Context) ([]string, error)
	vhost.Broker
	// Purge destroys the ready messages of a queue by the broker's own means.
	Purge(ctx context.Context, vhost, queue string) (int64, error)
	// Close ends all connections.
	Close()
}

// OpenBroker prepares a client for dead letters.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)

// purger narrows a broker to what dlq.Purger asks for.
type purger struct {
	broker Broker
	vhost  string
}

// Purge implements dlq.Purger.
func (p purger) Purge(ctx context.Context, queue string) (int64, error) {
	return p.broker.Purge(ctx, p.vhost, queue)
}
