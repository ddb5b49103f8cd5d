package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

const groupDeadLetters = "dead letters"

const dlqLong = `Find dead-letter queues, look into them without harm, and put messages back where they belong.

No message is lost: one leaves its queue only after the broker confirmed its copy, after it was durably written to an
archive, or because you asked to destroy it. Killing msgctl, a lost connection or a stopped broker can cause
duplicates, never a loss. What looking does to a queue is said before it is done; where it could do harm it is refused.`

func newDLQCmd(d *deps) *cobra.Command {
	cmd := newGroupCmd("dlq", "Find, inspect, replay, move, purge and archive dead letters", dlqLong)
	cmd.AddCommand(newDLQListCmd(d), newDLQInspectCmd(d), newDLQReplayCmd(d), newDLQMoveCmd(d), newDLQPurgeCmd(d),
		newDLQExportCmd(d), newDLQImportCmd(d))
	cmd.GroupID, cmd.SuggestionsMinimumDistance = groupDeadLetters, 2
	cmd.Example = `  msgctl dlq ls                                           where are dead letters, and who loses some?
  msgctl dlq inspect orders.dlq --group-by reason,queue   what are they?
  msgctl dlq replay orders.dlq --dry-run                  where would they go?
  msgctl dlq replay orders.dlq                            back to where they died`
	return cmd
}

// messageBroker is what the commands about messages need of a live broker. deps.go makes one.
type messageBroker interface {
	// VHosts lists the vhosts that the user may see.
	VHosts(ctx context.Context) ([]string, error)
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Counts has what every queue of a vhost holds.
	Counts(ctx context.Context, vhost string) (map[string]queueCounts, error)
	// Ready counts the ready messages of one queue at this moment.
	Ready(ctx context.Context, vhost, queue string) (int64, error)
	// ReadyConsuming is Ready, asked while we consume from the queue: see dlq.ConsumingCounter.
	ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error)
	// MessageBytes is what a queue's messages took of its limit in bytes some seconds ago, -1
	// unknown, and how many they were.
	MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error)
	// Purge destroys the ready messages of a queue by the broker's own means.
	Purge(ctx context.Context, vhost, queue string) (int64, error)
	// Source reads messages, Dialer publishes them, each on connections of its own.
	Source(vhost string) consume.Source
	Dialer(vhost string) publish.Dialer
	// Create, Delete and Applied are for guards: see dlq.GuardStore.
	Create(ctx context.Context, want topology.Object) error
	Delete(ctx context.Context, have topology.Object, guard topology.Guard) error
	Applied(ctx context.Context, vhost, queue string) (policy, operator string, err error)
	// Close ends all connections.
	Close()
}

// inVHost narrows a broker to what dlq.Counter and dlq.Purger ask for.
type inVHost struct {
	messageBroker
	vhost string
}

// Ready implements dlq.Counter.
func (b inVHost) Ready(ctx context.Context, queue string) (int64, error) {
	return b.messageBroker.Ready(ctx, b.vhost, queue)
}

// ReadyConsuming implements dlq.ConsumingCounter.
func (b inVHost) ReadyConsuming(ctx context.Context, queue string) (int64, error) {
	return b.messageBroker.ReadyConsuming(ctx, b.vhost, queue)
}

// Purge implements dlq.Purger.
func (b inVHost) Purge(ctx context.Context, queue string) (int64, error) {
	return b.messageBroker.Purge(ctx, b.vhost, queue)
}
