// Package queue has the commands that replace a queue together with its messages: convert, rename
// and jobs. pkg/migrate does the work and gives the guarantees.
package queue

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/migrate/run"
	"github.com/msgctl/msgctl/pkg/topology"
)

const queueLong = `Give a queue another type, other arguments or another name, together with its
messages, while applications publish and consume.

No message is lost, and none that is published to an exchange reaches no queue
or two: the bindings lead to a queue of the migration meanwhile. Each stage is
recorded in the broker before it begins. After an interruption, even by kill -9,
msgctl queue jobs resume goes on, from any machine.`

// NewCmd is msgctl queue.
func NewCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("queue", "Convert or rename a queue together with its messages", queueLong)
	cmd.AddCommand(newConvertCmd(d, open), newRenameCmd(d, open), newJobsCmd(d, open))
	cmd.GroupID, cmd.SuggestionsMinimumDistance = cmdutil.GroupTopology, 2
	cmd.Example = `  msgctl queue convert orders --to quorum --dry-run   show what would happen
  msgctl queue convert orders --to quorum             do it
  msgctl queue jobs ls                                list what was interrupted`
	return cmd
}

// Broker is the set of broker operations that the commands use.
type Broker interface {
	run.Broker
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Lock prevents that two programs work on one name at a time, until release is called.
	Lock(ctx context.Context, vhost, name string) (release func(), err error)
	// Close ends all connections.
	Close()
}

// OpenBroker creates a client; it dials nothing.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string) (Broker, error)
