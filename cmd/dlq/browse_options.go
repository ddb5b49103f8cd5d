package dlq

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
)

// browseOptions are the flags that allow what is refused otherwise.
type browseOptions struct {
	guard, force bool
}

func (o *browseOptions) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.guard, "guard", false,
		"lift the delivery limit of a quorum queue with a temporary policy during the command")
	cmd.Flags().BoolVar(&o.force, "force", false, "continue where messages could be dropped or dead-lettered again")
}

func (o browseOptions) assess(limit int64) browse.AssessOptions {
	return browse.AssessOptions{Limit: limit, Override: o.guard, Force: o.force}
}
