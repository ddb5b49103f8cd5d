// Package dlq has the commands about dead letters: ls, inspect, replay, move, purge, export and
// import. It checks flags, asks for confirmation and shows results; pkg/dlq does the work and gives
// the guarantees.
package dlq

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
)

const dlqLong = `Find dead-letter queues, inspect their messages without consuming them, and put
the messages back where they belong.

No message is lost. A message leaves its queue only after the broker confirmed
its copy, after it was durably written to an archive, or because you asked to
destroy it. Killing msgctl, a lost connection or a broker restart may cause
duplicates, never a loss.

Browsing a queue requeues its messages. Where that could drop or dead-letter a
message, the command refuses and names the flag that allows it.`

// NewCmd is msgctl dlq.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("dlq", "Find, inspect, replay, move, purge and archive dead letters", dlqLong)
	cmd.AddCommand(newListCmd(d, open), newInspectCmd(d, open), newReplayCmd(d, open, replay.Replay),
		newMoveCmd(d, open, replay.Move), newPurgeCmd(d, open, replay.Purge), newExportCmd(d, open, replay.Drain),
		newImportCmd(d, open, replay.Restore))
	cmd.GroupID, cmd.SuggestionsMinimumDistance = cmdutil.GroupDeadLetters, 2
	cmd.Example = `  msgctl dlq ls                                 list dead-letter queues
  msgctl dlq inspect orders.dlq -g reason,queue count by reason and queue
  msgctl dlq replay orders.dlq --dry-run        show where messages would go
  msgctl dlq replay orders.dlq                  send them back`
	return cmd
}

// Broker is the set of broker operations that the commands about messages use.
type Broker interface {
	// VHosts lists the vhosts that the user may access.
	VHosts(ctx context.Context) ([]string, error)
	vhost.Broker
	// Purge destroys the ready messages of a queue with the broker's own purge.
	Purge(ctx context.Context, vhost, queue string) (int64, error)
	// Close ends all connections.
	Close()
}

// The operations of the commands, one function each. They are those of package replay; tests
// replace them to see the options.
type (
	sendFunc    func(context.Context, replay.Options) (replay.Result, error)
	purgeFunc   func(context.Context, replay.PurgeOptions) (replay.Result, error)
	drainFunc   func(context.Context, replay.DrainOptions) (replay.Result, error)
	restoreFunc func(context.Context, replay.RestoreOptions) (replay.Restored, error)
)

// OpenBroker creates a client for work on dead letters.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)

// purger adapts a broker to dlq.Purger.
type purger struct {
	broker Broker
	vhost  string
}

// Purge implements dlq.Purger.
func (p purger) Purge(ctx context.Context, queue string) (int64, error) {
	return p.broker.Purge(ctx, p.vhost, queue)
}
